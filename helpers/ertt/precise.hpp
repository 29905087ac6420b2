/// Round-trip times in nanoseconds of capture time: what ERTT is after, without what it gets wrong.
///
/// A sample is the time from a segment to the first acknowledgement of its last byte. It is taken
/// only where it cannot mean anything else:
///
///   - the segment was sent once, or a timestamp echo says which copy arrived (E-11);
///   - no byte before it was sent after it: else the acknowledgement waited for that byte;
///   - the echo is not that of a later copy, which the capture missed;
///   - it is known when each of them was captured;
///   - the clock did not run backwards meanwhile, nor leap ahead by more than segments live;
///   - with the delayed-acknowledgement filter: the peer did not seem to wait for more data. (A
///     delay only lengthens, so what is shorter than every sample before it counts even then: the
///     filter never costs the minimum.)
///
/// An acknowledgement gives at most one sample. Those of parts of a super-segment each give one,
/// and so do selective ones, also when the cumulative one moves as well (E-13). TSvals tell copies
/// apart and nothing else: the sender's clock has an unknown rate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <khelp/tcp.h>

#include "flight.hpp"
#include "histogram.hpp"

namespace khelp::ertt {

/// A segment an end sends.
struct sent_segment {
  std::int64_t when = 0;
  std::uint32_t seq = 0;  // of the first payload byte
  std::uint32_t len = 0;
  std::uint32_t snd_una = 0;
  bool resent = false;  // some of it was seen before
  bool super = false;   // larger than a segment: is cut up on its way
  bool timed = true;    // `when` is known
  std::optional<stamp> ts = {};
};

/// An acknowledgement an end receives, before its snd_una moves.
struct received_ack {
  std::int64_t when = 0;
  std::uint32_t ack = 0;
  std::uint32_t snd_una = 0;
  std::uint32_t maxseg = 0;
  std::span<const khelp_tcp_range> sacked = {};  // empty when they tell nothing new
  bool timed = true;                             // `when` is known
  std::optional<stamp> ts = {};
};

/// What one acknowledgement says of the segments it covers (precise.cpp).
struct evidence;

/// The segments one end has in flight, and what their round trips say.
class precise {
 public:
  void send(const sent_segment& sent) noexcept;

  /// Returns the sample, if the acknowledgement gives one.
  std::optional<std::int64_t> receive(const received_ack& ack, bool filter_delayed) noexcept;

  std::uint64_t samples() const noexcept { return samples_; }
  // The four are 0 without samples.
  std::int64_t minimum() const noexcept { return minimum_; }
  std::int64_t median() const noexcept;
  std::int64_t maximum() const noexcept { return maximum_; }
  std::int64_t last() const noexcept { return last_; }

  /// Round trip of the latest marked segment, or of the one measured when it was passed over (E-6).
  /// One segment per round trip is marked; the filter does not apply to it.
  std::optional<std::int64_t> marked() const noexcept { return marked_; }

  /// Above 0: the peer seems to delay its acknowledgements. At most KHELP_ERTT_DLYACK_MAX.
  int delayed_ack() const noexcept { return delayed_ack_; }
  /// Echoes that contradict the peer's clock. From KHELP_ERTT_MAX_TIMESTAMP_ERRORS on, timestamps
  /// are not looked at.
  int timestamp_errors() const noexcept { return timestamp_errors_; }

  std::uint32_t in_flight() const noexcept { return flight_.size(); }

 private:
  std::optional<std::int64_t> receive_cumulative(const received_ack& ack,
                                                 bool filter_delayed) noexcept;
  std::optional<std::int64_t> receive_selective(const received_ack& ack) noexcept;
  evidence take_acknowledged(const received_ack& ack) noexcept;
  evidence take_sacked(const received_ack& ack) noexcept;
  std::optional<std::int64_t> round_trip(const evidence& found, const received_ack& ack) noexcept;
  void settle_mark(const evidence& found, std::optional<std::int64_t> rtt) noexcept;
  bool uses_timestamps(const received_ack& ack) const noexcept;
  bool guess_delay(std::uint32_t acked, std::uint32_t len, std::uint32_t maxseg) noexcept;
  void keep(std::int64_t rtt) noexcept;

  flight flight_;                // every segment in it ends after snd_una
  bool mark_in_flight_ = false;  // one segment of flight_ is marked
  std::uint8_t delayed_ack_ = 0;
  std::uint8_t timestamp_errors_ = 0;
  std::uint64_t samples_ = 0;
  std::int64_t minimum_ = 0;
  std::int64_t maximum_ = 0;
  std::int64_t last_ = 0;
  std::optional<std::int64_t> marked_;
  histogram histogram_;
};

}  // namespace khelp::ertt
