/// Zones and types of memory of this process, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace khelp::snapshot {

/// A zone, as `vmstat -z` shows it.
struct zone_info {
  std::string name;
  std::uint64_t item_size = 0;
  std::uint64_t limit = 0;  ///< items; 0: none
  std::uint64_t used = 0;
  std::uint64_t free = 0;  ///< in slabs and caches
  std::uint64_t requests = 0;
  std::uint64_t failures = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t cross = 0;  ///< magazines of free items that went from one thread to another
};

/// A type of memory, as `vmstat -m` shows it.
struct memory_type_info {
  std::string name;
  std::uint64_t in_use = 0;
  std::uint64_t bytes = 0;
  std::uint64_t high_water = 0;
  std::uint64_t requests = 0;
  std::uint64_t frees = 0;
  std::uint64_t failures = 0;
  std::uint64_t mismatches = 0;      ///< frees under another type
  std::vector<std::uint64_t> sizes;  ///< powers of two that blocks were asked up to
};

struct memory_info {
  std::vector<zone_info> zones;         ///< oldest first
  std::vector<memory_type_info> types;  ///< used so far, oldest first
};

/// Errors   throws std::bad_alloc.
memory_info read_memory();

}  // namespace khelp::snapshot
