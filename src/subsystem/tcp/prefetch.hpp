/// Memory that will be needed soon.
#pragma once

#include <cstddef>

namespace khelp::tcp {

/// Fetch it into the cache. Any address will do.
inline void prefetch_memory(const void* begin, size_t size) {
  constexpr size_t cache_line = 64;
  for (size_t at = 0; at < size; at += cache_line)
    __builtin_prefetch(static_cast<const std::byte*>(begin) + at);
}

}  // namespace khelp::tcp
