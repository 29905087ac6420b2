/// What a million items of a zone weigh, and what is left of that after a peak. (The times of zones
/// are rows of khelp_bench.)
#include <cstring>

#include <khelp/uma.h>

#include "scale.hpp"

namespace {

constexpr std::size_t item_bytes = 64;

void memory() {
  constexpr std::size_t items = 1'000'000;
  khelp_uma_zone_t zone = khelp_uma_zcreate("scale", item_bytes, nullptr, nullptr, nullptr, nullptr,
                                            KHELP_UMA_ALIGN_PTR, 0);
  must(zone == nullptr, "zone");
  std::vector<void*> live(items, &zone);
  const double before = resident_bytes();
  for (void*& item : live) {
    item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
    std::memset(item, 1, item_bytes);
  }
  const double at_peak = resident_bytes() - before;
  for (void* item : live)
    khelp_uma_zfree(zone, item);
  const double freed = resident_bytes() - before;
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  const double after = resident_bytes() - before;
  const double wanted = static_cast<double>(items * item_bytes);
  figure("a million items of 64 B, resident beyond them", (at_peak / wanted - 1) * 100, "<=5.00",
         "%");
  figure("all freed, resident, of the items", freed / wanted * 100, "", "%");
  figure("after reclaim, resident, of the items", after / wanted * 100, "<=5.00", "%");
  khelp_uma_zdestroy(zone);
}

}  // namespace

int main() {
  memory();
  return 0;
}
