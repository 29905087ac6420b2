/// A few disjoint pieces of sequence space: the SACK scoreboard of an end, and the holes that a
/// capture left in what an end sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <khelp/tcp.h>

namespace khelp::tcp {

/// Ranges in ascending order, apart from each other, all within 2^31 of each other.
///
/// Most ends never have one, so an empty set owns no memory. When the bound is reached the two
/// lowest ranges become one: the peer of a connection cannot make it grow.
class range_set {
 public:
  static constexpr size_t max_ranges = 64;

  bool empty() const { return ranges_.empty(); }
  size_t size() const { return ranges_.size(); }
  const khelp_tcp_range& operator[](size_t i) const { return ranges_[i]; }
  const khelp_tcp_range& highest() const { return ranges_.back(); }

  /// How many numbers of [start, end) are in the set.
  uint32_t overlap(khelp_tcp_seq start, khelp_tcp_seq end) const;
  /// Put [start, end) in. Returns how many numbers are new.
  uint32_t add(khelp_tcp_seq start, khelp_tcp_seq end);
  /// Take [start, end) out. Returns how many numbers were in.
  uint32_t remove(khelp_tcp_seq start, khelp_tcp_seq end);
  /// Take everything before `floor` out.
  void remove_before(khelp_tcp_seq floor);
  void clear() { ranges_.clear(); }

 private:
  // Ascending; ranges_[i].end is before ranges_[i + 1].start (add() merges what touches).
  std::vector<khelp_tcp_range> ranges_;
};

}  // namespace khelp::tcp
