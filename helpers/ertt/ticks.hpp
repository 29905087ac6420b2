/// Round-trip times in ticks, exactly as FreeBSD's h_ertt.c computes them, quirks included.
///
/// Everything here is what that module does with the same segments; what it does wrong is right
/// here and put right in precise.hpp. The comments name the quirks by their numbers (E-n).
#pragma once

#include <cstdint>

#include <khelp/ertt.h>

namespace khelp::ertt {

/// A segment an end sends, in host order.
struct ticks_sent {
  std::uint32_t seq = 0;
  std::uint32_t len = 0;     // payload; 0: not recorded
  bool tso = false;          // larger than a segment: is cut up on its way
  bool timestamped = false;  // tsval and tsecr count
  std::uint32_t tsval = 0;
  std::uint32_t tsecr = 0;
};

/// An acknowledgement an end receives, before its snd_una moves.
struct ticks_received {
  std::uint32_t ack = 0;
  std::uint32_t snd_una = 0;
  std::uint32_t last_sack_ack = 0;  // 0: no SACK information
  std::uint32_t maxseg = 0;
  std::uint32_t snd_cwnd = 0;
  bool timestamped = false;
  std::uint32_t tsval = 0;
  std::uint32_t tsecr = 0;
};

/// One end's struct ertt and what it takes to keep it. The struct comes first: other modules find
/// it at the start of the helper's data.
struct ticks {
  ticks() noexcept { values.txsegi_q.tqh_last = &values.txsegi_q.tqh_first; }
  ticks(const ticks&) = delete;
  ticks& operator=(const ticks&) = delete;
  ~ticks();

  /// Record a segment. `t_flags`: the end's, whose TF_TSO may come back on.
  void send(const ticks_sent& segment, std::uint32_t now, std::uint32_t& t_flags) noexcept;

  /// Measure with an acknowledgement. `t_flags`: TF_TSO may go off.
  void receive(const ticks_received& segment, std::uint32_t now, std::uint32_t& t_flags) noexcept;

  khelp_ertt values{};
  std::uint32_t waiting = 0;  // records in values.txsegi_q
};

}  // namespace khelp::ertt
