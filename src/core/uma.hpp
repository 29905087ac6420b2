// Zones, as the rest of the core sees them beyond <khelp/uma.h>.
//
// A zone made with KHELP_UMA_ZONE_OWNER keeps one atomic word beside each item: 0 while the item is
// free, else its owner's choice (helpers: the object that holds the data). That is how the data of
// one helper is found without a list of all objects.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <khelp/result.hpp>
#include <khelp/uma.h>

namespace khelp::uma {

// The arguments of khelp_uma_zcreate().
struct zone_spec {
  const char* name = "";
  std::size_t size = 0;
  khelp_uma_ctor ctor = nullptr;
  khelp_uma_dtor dtor = nullptr;
  khelp_uma_init init = nullptr;
  khelp_uma_fini fini = nullptr;
  int align = 0;  // mask
  std::uint32_t flags = 0;
};
// EINVAL size or alignment · ENOSPC too many zones · ENOMEM.
result<khelp_uma_zone_t> create(const zone_spec& spec);

// The owner word of an item. The zone was made with KHELP_UMA_ZONE_OWNER; the item is not freed
// before its word is 0 again.
std::atomic<std::uintptr_t>& owner_word(khelp_uma_zone_t zone, void* item) noexcept;

// The zone of a live item.
khelp_uma_zone_t zone_of(const void* item) noexcept;

// Have the zone serve somebody alone, until stop_serving(). False: it serves another.
bool serve(khelp_uma_zone_t zone, void* whom) noexcept;
void stop_serving(khelp_uma_zone_t zone) noexcept;
// Whom it serves; nullptr: nobody.
void* served_by(khelp_uma_zone_t zone) noexcept;

// Give the zone's items owner words after all, unless they have them. False: it has slabs without.
bool add_owner_words(khelp_uma_zone_t zone) noexcept;

// Call fn for every item whose owner word is not 0. No lock is held meanwhile; fn may free the
// item, and may throw. Items that get an owner meanwhile may be missed. An item that loses its
// owner meanwhile may still be shown: fn decides by the word.
void for_each_owned(khelp_uma_zone_t zone,
                    void (*fn)(void* arg, void* item, std::atomic<std::uintptr_t>& owner),
                    void* arg);

// Around a fork. The child keeps what the other threads' caches held; items they were just
// allocating or freeing are lost to it.
void fork_prepare() noexcept;
void fork_parent() noexcept;
void fork_child() noexcept;

}  // namespace khelp::uma
