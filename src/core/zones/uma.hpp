// Zones, as the rest of the core sees them beyond <khelp/uma.h>.
//
// A zone made with KHELP_UMA_ZONE_OWNER keeps a place for an owner beside each item: nobody while the
// item is free, else the user's choice (helpers: the object that holds the data). That is how the
// data of one helper is found without a list of all objects.
#pragma once

#include <cstddef>
#include <cstdint>

#include <khelp/result.hpp>
#include <khelp/uma.h>

#include "core/zones/uma_owner.hpp"

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

// Where the owner of an item stands. The zone was made with KHELP_UMA_ZONE_OWNER; the item is not
// freed before it is nobody again.
owner_place owner_of(khelp_uma_zone_t zone, void* item) noexcept;

// Whether allocating or freeing an item calls somebody.
bool has_constructor(khelp_uma_zone_t zone) noexcept;
bool has_destructor(khelp_uma_zone_t zone) noexcept;

// The zone of a live item.
khelp_uma_zone_t zone_of(const void* item) noexcept;

// Have the zone serve somebody alone, until stop_serving(). False: it serves another.
bool serve(khelp_uma_zone_t zone, void* whom) noexcept;
void stop_serving(khelp_uma_zone_t zone) noexcept;
// Whom it serves; nullptr: nobody.
void* served_by(khelp_uma_zone_t zone) noexcept;

// Give the zone's items places for owners after all, unless they have them. False: it has slabs
// without.
bool add_owners(khelp_uma_zone_t zone) noexcept;

// Call fn for every item that has an owner. No lock is held meanwhile; fn may free the item, and may
// throw. Items that get an owner meanwhile may be missed. An item that loses its owner meanwhile may
// still be shown: fn decides by what it loads.
void for_each_owned(khelp_uma_zone_t zone, void (*fn)(void* arg, void* item, owner_place owner),
                    void* arg);

// Around a fork. The child keeps what the other threads' caches held; items they were just
// allocating or freeing are lost to it.
void fork_prepare() noexcept;
void fork_parent() noexcept;
void fork_child() noexcept;

}  // namespace khelp::uma
