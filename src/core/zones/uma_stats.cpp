// What zones did and hold.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <vector>

#include "base/failure_text.hpp"
#include "core/zones/uma_registry.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

khelp_uma_stat stat_of(khelp_uma_zone& zone) KHELP_REQUIRES(zones_mutex) {
  lock_guard held(zone.lock);
  khelp_uma_stat stat{};
  stat.size = sizeof stat;
  stat.item_size = static_cast<std::uint32_t>(zone.item_size);
  stat.real_size = static_cast<std::uint32_t>(zone.layout.stride);
  stat.limit = static_cast<std::uint32_t>(zone.limit);
  stat.pages = zone.slabs.slabs() * (zone.layout.length / 4096);
  // Frees first: an item allocated and freed in between must not be counted as freed only.
  stat.frees = zone.total_frees();
  stat.allocs = zone.total_allocs();
  stat.used = stat.allocs - std::min(stat.allocs, stat.frees);
  stat.free = zone.slabs.free_items() + (zone.out - std::min(zone.out, stat.used));
  stat.fails = zone.fails;
  stat.sleeps = zone.sleeps;
  stat.cross = zone.cross;
  stat.bucket_size = zone.bucket_size;
  stat.flags = zone.flags;
  std::string name = zone.name;
  if (zone.number != 0)
    name += "-" + std::to_string(zone.number);
  std::strncpy(stat.name, name.c_str(), sizeof stat.name - 1);
  return stat;
}

}  // namespace

int khelp_uma_zone_get_cur(khelp_uma_zone_t zone) {
  lock_guard held(zone->lock);
  const std::uint64_t frees = zone->total_frees();
  const std::uint64_t allocs = zone->total_allocs();
  return static_cast<int>(std::min<std::uint64_t>(allocs - std::min(allocs, frees), INT_MAX));
}

int khelp_uma_stats(void (*fn)(void* arg, const struct khelp_uma_stat* stat), void* arg) {
  std::vector<khelp_uma_stat> stats;
  try {
    lock_guard held(zones_mutex);
    for (khelp_uma_zone* z = first_zone(); z != nullptr; z = z->next)
      stats.push_back(stat_of(*z));
  } catch (const std::bad_alloc&) {
    set_failure_text("zone statistics: no memory");
    return ENOMEM;
  }
  for (const khelp_uma_stat& stat : stats)
    fn(arg, &stat);
  return 0;
}
