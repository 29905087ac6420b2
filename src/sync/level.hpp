// A level that threads raise and lower without sharing a line, and how high it ever was.
//
// Each thread's record holds its part: what it added less what it took (`now`, which may be below
// zero: another thread took it), the most that was (`peak`), and what it has told the others
// (`told`). It tells them when the two differ by more than the slack.
//
//   level == sum of now                    true peak <= sum of peaks
//   |now - told| <= slack, each thread     true peak <= highest sum of told + threads * slack
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/counters.hpp"

namespace khelp {

class shared_level {
 public:
  // Three cells of the block, from `first_cell` on, are the level's.
  shared_level(counter_block block, unsigned first_cell) noexcept
      : block_(block), now_(first_cell), peak_(first_cell + 1), told_(first_cell + 2) {}

  // `change` may be negative. `record`: counting_record.
  void change(thread_record* record, std::int64_t change) noexcept;

  std::int64_t level() const noexcept;
  // Exact when only one thread ever changed it; else an upper bound.
  std::int64_t high() const noexcept;

 private:
  static constexpr std::int64_t least_slack = 512;
  std::int64_t slack() const noexcept;
  void tell(std::int64_t change) noexcept;

  const counter_block block_;
  const unsigned now_;
  const unsigned peak_;
  const unsigned told_;
  std::atomic<std::int64_t> sum_told_{0};
  std::atomic<std::int64_t> highest_{0};     // of sum_told_
  std::atomic<bool> without_record_{false};  // some thread had no record: it has no peak
};

}  // namespace khelp
