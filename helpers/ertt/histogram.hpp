/// Counts of samples by size, for their median. Most connections see few different round-trip
/// times, so only buckets that hold something exist.
#pragma once

#include <cstdint>
#include <memory>

namespace khelp::ertt {

/// A sparse log-linear histogram of durations in nanoseconds.
///
/// Shape    every octave has 64 buckets of equal width, so a value is known to 1/128, 0.8 %; below
///          128 ns exactly. A bucket is one word, bucket number and count together, kept in order.
/// Cost     empty: 16 bytes. A sample: a binary search over the buckets in use (some tens).
/// Errors   without memory for a new bucket the sample is left out.
class histogram {
 public:
  void add(std::int64_t value) noexcept;

  /// The median within 0.8 %; of an even number, the middle of the two middle ones. 0 when empty.
  std::int64_t median() const noexcept;

  std::uint64_t count() const noexcept { return count_; }

 private:
  bool grow() noexcept;
  std::int64_t at_rank(std::uint64_t rank) const noexcept;

  // words_[0..used_) ascend; (word >> 48) is the bucket, the rest its count.
  std::unique_ptr<std::uint64_t[]> words_;
  std::uint16_t used_ = 0;
  std::uint16_t room_ = 0;
  // count_ == the sum of the words' counts (median relies on it).
  std::uint64_t count_ = 0;
};

}  // namespace khelp::ertt
