/// Unit tests' record memory: the heap, counted, and made to fail on demand.
#pragma once

#include <cstdint>
#include <limits>

namespace khelp::ertt {

struct record_heap {
  static inline std::int64_t out = 0;  // records not given back
  static inline std::int64_t left = std::numeric_limits<std::int64_t>::max();  // until it fails
};

}  // namespace khelp::ertt
