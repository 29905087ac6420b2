// An item's life between the moment a zone hands it out and the moment it takes it back:
// constructor and destructor, zeroing, and what the debug levels look at.
#pragma once

#include <initializer_list>
#include <string_view>

#include "core/zones/uma_zone.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define KHELP_UNDER_ASAN 1
#elif defined(__has_feature)
#define KHELP_UNDER_ASAN __has_feature(address_sanitizer)
#else
#define KHELP_UNDER_ASAN 0
#endif

namespace khelp::uma {

// What KHELP_UMA_DEBUG in the environment or khelp_uma_set_debug() asked for.
int debug_level() noexcept;

// Which work a zone's allocations and frees need beyond the item itself, and whether it poisons.
void decide_work(khelp_uma_zone& zone) noexcept;

// Make a free item a live one. nullptr: ctor refused; the item is back in the zone.
void* begin_life(khelp_uma_zone& zone, void* item, void* arg, int request, const void* site);
// End a live item and give it back to the zone, also when its destructor does not return normally.
void end_life(khelp_uma_zone& zone, void* item, void* arg);

// A slab's items are about to be free for the first time.
void prepare_free_items(khelp_uma_zone& zone, slab& s) noexcept;
// A free item is about to go: it is looked at, and may be touched again.
void check_free_item(khelp_uma_zone& zone, void* item) noexcept;
// A slab is about to be unmapped.
void forget_items(khelp_uma_zone& zone, slab& s) noexcept;

// The zone ends while items are out: say so.
void report_leaks(khelp_uma_zone& zone) noexcept;

// A caller broke memory: words to the log and to standard error, then abort.
[[noreturn]] void panic(const khelp_uma_zone& zone, const void* item,
                        std::initializer_list<std::string_view> words) noexcept;

}  // namespace khelp::uma
