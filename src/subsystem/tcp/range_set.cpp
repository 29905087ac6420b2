#include "subsystem/tcp/range_set.hpp"

#include <algorithm>

#include "subsystem/tcp/sequence.hpp"

namespace khelp::tcp {

uint32_t range_set::overlap(khelp_tcp_seq start, khelp_tcp_seq end) const {
  uint32_t total = 0;
  for (const auto& range : ranges_) {
    const auto low = seq_max(range.start, start);
    const auto high = seq_min(range.end, end);
    if (seq_before(low, high))
      total += high - low;
  }
  return total;
}

uint32_t range_set::add(khelp_tcp_seq start, khelp_tcp_seq end) {
  if (!seq_before(start, end))
    return 0;
  const uint32_t fresh = (end - start) - overlap(start, end);

  auto first = std::find_if(ranges_.begin(), ranges_.end(),
                            [&](const auto& range) { return !seq_before(range.end, start); });
  auto last = std::find_if(first, ranges_.end(),
                           [&](const auto& range) { return seq_after(range.start, end); });
  if (first == last) {
    ranges_.insert(first, khelp_tcp_range{start, end});
  } else {
    first->start = seq_min(first->start, start);
    first->end = seq_max((last - 1)->end, end);
    ranges_.erase(first + 1, last);
  }

  if (ranges_.size() > max_ranges) {
    ranges_[1].start = ranges_[0].start;
    ranges_.erase(ranges_.begin());
  }
  return fresh;
}

uint32_t range_set::remove(khelp_tcp_seq start, khelp_tcp_seq end) {
  uint32_t removed = 0;
  for (size_t i = 0; i < ranges_.size();) {
    const khelp_tcp_range range = ranges_[i];
    const auto low = seq_max(range.start, start);
    const auto high = seq_min(range.end, end);
    if (!seq_before(low, high)) {
      ++i;
      continue;
    }
    removed += high - low;
    const bool keeps_front = range.start != low;
    const bool keeps_back = range.end != high;
    if (keeps_front && keeps_back) {
      ranges_[i].end = low;
      ranges_.insert(ranges_.begin() + static_cast<ptrdiff_t>(i) + 1,
                     khelp_tcp_range{high, range.end});
      break;  // [start, end) lies inside this range
    }
    if (keeps_front) {
      ranges_[i++].end = low;
    } else if (keeps_back) {
      ranges_[i++].start = high;
    } else {
      ranges_.erase(ranges_.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  if (ranges_.size() > max_ranges)
    ranges_.erase(ranges_.begin());
  return removed;
}

void range_set::remove_before(khelp_tcp_seq floor) {
  if (ranges_.empty() || !seq_before(ranges_.front().start, floor))
    return;
  const auto kept = std::find_if(ranges_.begin(), ranges_.end(),
                                 [&](const auto& range) { return seq_after(range.end, floor); });
  ranges_.erase(ranges_.begin(), kept);
  if (!ranges_.empty())
    ranges_.front().start = seq_max(ranges_.front().start, floor);
}

}  // namespace khelp::tcp
