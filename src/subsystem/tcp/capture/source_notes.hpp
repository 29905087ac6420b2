/// What every source keeps of what it has read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace khelp::tcp {

/// Oddities that do not stop the reading: the first few.
class warning_list {
 public:
  void add(const std::string& text) {
    constexpr size_t most = 8;
    if (texts_.size() < most)
      texts_.push_back(text);
  }
  std::span<const std::string> texts() const { return texts_; }

 private:
  std::vector<std::string> texts_;
};

/// When a packet was captured, or the best guess where that is not known.
struct packet_time {
  int64_t when_ns;
  bool known;
};

/// The times of a capture's packets, one after the other.
class packet_times {
 public:
  /// Its time stamp says this. 0 is what tools write that know no time.
  packet_time at(int64_t when_ns) {
    if (when_ns == 0)
      return unknown();
    previous_ns_ = when_ns;
    return {when_ns, true};
  }
  packet_time unknown() const { return {previous_ns_, false}; }
  /// The earliest time in these bounds that is not before the packet in front.
  packet_time unknown_between(int64_t earliest_ns, int64_t latest_ns) const {
    return {std::clamp(previous_ns_, earliest_ns, latest_ns), false};
  }

 private:
  int64_t previous_ns_ = 0;  // of the latest packet whose own time is known
};

}  // namespace khelp::tcp
