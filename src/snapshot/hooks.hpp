/// The hooks of this process, in running order, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <khelp/stats.h>

#include "snapshot/helpers.hpp"

namespace khelp::snapshot {

/// One hook at one point, or at none: what khelp_hook_stat says of it.
struct hook_info {
  std::string point;  ///< its name, or "type/id"
  std::int32_t type = 0;
  std::int32_t id = 0;
  std::uint64_t instance = 0;  ///< serial; 0: not virtualised
  std::string helper;          ///< "": no helper's
  std::uint32_t state = 0;     ///< enum khelp_hook_state
  std::uint32_t position = 0;  ///< 0 runs first
  std::int32_t priority = 0;
  std::string why;  ///< in words: why it stands at this position, or at none
  std::uint64_t calls = 0;
  skip_counts skipped{};
  std::uint64_t exceptions = 0;
  std::uint64_t timed_calls = 0;  ///< while timing was on
  std::uint64_t timed_ns = 0;
};

/// Point by point, in running order; then those that are at no point.
///
/// Errors   throws std::bad_alloc.
std::vector<hook_info> read_hooks();

}  // namespace khelp::snapshot
