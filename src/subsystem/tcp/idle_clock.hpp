/// The clock by which connections are idle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace khelp::tcp {

/// It goes on with capture time, by at most a minute from packet to packet and never back. A longer
/// gap is one of the capture, or a stray time stamp, and says nothing about silence.
class idle_clock {
 public:
  /// The next packet of the replay, of any kind, was captured then. Returns the clock's new time.
  int64_t advance(int64_t when_ns) {
    constexpr int64_t longest_step_ns = 60'000'000'000;
    if (latest_ns_ && when_ns > *latest_ns_)
      now_ns_ += std::min(when_ns - *latest_ns_, longest_step_ns);
    latest_ns_ = when_ns;
    return now_ns_;
  }

 private:
  int64_t now_ns_ = 0;
  std::optional<int64_t> latest_ns_;
};

}  // namespace khelp::tcp
