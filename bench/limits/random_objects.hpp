/// What giving objects two pieces of data and taking them back does to memory, and nothing else: the
/// same words of structs, of owners beside the data and of stacks of free items, without accounting,
/// without care for others.
#pragma once

#include <cstdint>
#include <vector>

struct bare_costs {
  double attach;                   ///< nanoseconds an object, of memory touched for the first time
  double destroy;                  ///< in the order given
  double destroy_laden;            ///< with 8 stores and 60 instructions more
  double destroy_laden_with_lock;  ///< and each object under a lock of its address
};

bare_costs bare_objects(const std::vector<std::uint32_t>& order);
