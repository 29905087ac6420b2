/// A quantity over time, in bounded memory.
///
/// Time is cut into equal slots. When a measurement lies past the last slot, neighbours are
/// joined and every slot is twice as long, so the slots always span everything measured. A slot
/// keeps its extremes: no spike is lost by joining.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace khelp::app {

class series {
 public:
  struct slot {
    std::uint64_t count = 0;  ///< 0: nothing was measured in this stretch of time
    std::int64_t least = 0;
    std::int64_t most = 0;
    double sum = 0;

    double mean() const { return sum / static_cast<double>(count); }
  };

  /// At most `capacity` slots (at least 4).
  explicit series(std::size_t capacity) : capacity_(capacity) {}

  /// Units    when_ns: capture time. What lies before the first measurement counts as simultaneous
  ///          with it.
  void add(std::int64_t when_ns, std::int64_t value);

  bool empty() const noexcept { return slots_.empty(); }
  std::uint64_t count() const noexcept { return count_; }
  /// Memory grows with the time spanned, up to the capacity. The last slot is never empty.
  std::span<const slot> slots() const noexcept { return slots_; }
  std::int64_t start_ns() const noexcept { return start_ns_; }
  std::int64_t slot_ns() const noexcept { return slot_ns_; }

 private:
  void join_neighbours();

  std::size_t capacity_;
  std::vector<slot> slots_;
  std::uint64_t count_ = 0;
  std::int64_t start_ns_ = 0;
  std::int64_t slot_ns_ = 1000;
};

}  // namespace khelp::app
