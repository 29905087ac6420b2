#include "subsystem/tcp/copies.hpp"

#include <algorithm>

#include "subsystem/tcp/flow.hpp"
#include "subsystem/tcp/sequence.hpp"

namespace khelp::tcp {

namespace {

constexpr int64_t microsecond = 1'000;
constexpr int64_t millisecond = 1'000'000;

/// Then it is no copy.
bool has_new_numbers(const end& from, const segment& seg) {
  return seg.numbers() != 0 ? !seq_before(seg.seq, from.block.snd_max)
                            : seg.ack != from.latest_ack && !seg.has(KHELP_TH_RST);
}

/// 0: it is no copy, however early it comes.
int64_t longest_lag(const flow& f, const segment& seg) {
  const int64_t part_of_round_trip = f.handshake_ns / 4;
  if (seg.identification != 0)
    return std::clamp(part_of_round_trip, millisecond, 10 * millisecond);
  if (seg.numbers() == 0 && !f.captured_twice)
    return 0;
  if (f.handshake_ns != 0)
    return std::min(part_of_round_trip, millisecond);
  return seg.has(KHELP_TH_SYN) ? millisecond : 50 * microsecond;
}

}  // namespace

bool recent_segments::holds(const look& again, int64_t within_ns) const {
  const auto within = static_cast<uint32_t>(within_ns >> time_shift) + 1;
  for (size_t i = 0; i < places; ++i) {
    const uint32_t lag = again.when - times_[i];
    if (prints_[i] == again.print && std::min(lag, uint32_t{0} - lag) <= within)
      return true;
  }
  return false;
}

// Kept out of its caller, which needs its registers for itself: 40 instructions a segment less.
[[gnu::noinline]] bool was_captured_before(flow& f, const end& from, const segment& seg,
                                           int64_t when_ns) {
  const recent_segments::look look = recent_segments::look_of(seg, &from == f.ends.data(), when_ns);
  if (!has_new_numbers(from, seg)) {
    const int64_t lag_ns = longest_lag(f, seg);
    if (lag_ns != 0 && f.recent.holds(look, lag_ns))
      return true;
  }
  f.recent.add(look, f.ends[0].stats.segments + f.ends[1].stats.segments);
  return false;
}

}  // namespace khelp::tcp
