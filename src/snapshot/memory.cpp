#include "snapshot/memory.hpp"

#include <khelp/malloc.h>
#include <khelp/uma.h>

#include "snapshot/collect.hpp"

namespace khelp::snapshot {
namespace {

zone_info zone_of(const khelp_uma_stat& shown) {
  return {.name = shown.name,
          .item_size = shown.item_size,
          .limit = shown.limit,
          .used = shown.used,
          .free = shown.free,
          .requests = shown.allocs,
          .failures = shown.fails,
          .sleeps = shown.sleeps,
          .cross = shown.cross};
}

memory_type_info type_of(const khelp_malloc_stat& shown) {
  memory_type_info type{.name = shown.name,
                        .in_use = shown.in_use,
                        .bytes = shown.bytes,
                        .high_water = shown.high_water,
                        .requests = shown.requests,
                        .frees = shown.frees,
                        .failures = shown.failures,
                        .mismatches = shown.mismatches,
                        .sizes = {}};
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((shown.sizes >> bit & 1) != 0)
      type.sizes.push_back(std::uint64_t{1} << bit);
  }
  return type;
}

}  // namespace

memory_info read_memory() {
  return {.zones = collect<zone_info, khelp_uma_stat>(&khelp_uma_stats, &zone_of),
          .types = collect<memory_type_info, khelp_malloc_stat>(&khelp_malloc_stats, &type_of)};
}

}  // namespace khelp::snapshot
