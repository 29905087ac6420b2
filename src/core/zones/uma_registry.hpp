// All zones of the process, oldest first, and the caches of all threads.
#pragma once

#include "core/zones/uma_zone.hpp"

namespace khelp::uma {

// Outside every zone's lock.
extern mutex zones_mutex;

khelp_uma_zone* first_zone() noexcept KHELP_REQUIRES(zones_mutex);

// Enter a zone and give it an index and a number. False: max_zones exist.
[[nodiscard]] bool enter_zone(khelp_uma_zone& zone) noexcept KHELP_EXCLUDES(zones_mutex);
// Take it out and wait until nobody has it pinned. Its caches must have been forgotten.
void leave_zone(khelp_uma_zone& zone) noexcept KHELP_EXCLUDES(zones_mutex);

// Call fn(zone) for all zones, with each of them pinned and no lock held.
void for_each_zone(void (*fn)(void* arg, khelp_uma_zone& zone), void* arg);

// The process-wide switch of limits' warnings.
bool warnings_on() noexcept;
void switch_warnings(bool on) noexcept;

}  // namespace khelp::uma
