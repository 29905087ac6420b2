/// The helpers of this process, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <khelp/stats.h>

namespace khelp::snapshot {

/// Times that hooks were not called, by enum khelp_skip.
using skip_counts = std::array<std::uint64_t, KHELP_SKIP_REASONS>;

/// One helper, and what it did so far: what khelp_helper_stat says of it.
struct helper_info {
  std::int32_t id = 0;
  std::string name;
  std::uint32_t version = 0;
  std::uint32_t state = 0;     ///< enum khelp_helper_state
  std::uint64_t attached = 0;  ///< objects that hold its data now
  std::uint64_t attached_total = 0;
  std::uint64_t adopted = 0;          ///< of these, at a hook call
  std::uint64_t attach_failures = 0;  ///< no memory
  std::uint64_t calls = 0;            ///< of all its hooks
  skip_counts skipped{};
  std::uint64_t exceptions = 0;
  std::uint64_t refused = 0;  ///< objects that the constructor of its data refused
};

/// In load order.
///
/// Errors   throws std::bad_alloc.
std::vector<helper_info> read_helpers();

}  // namespace khelp::snapshot
