/// What a segment's ACK tells the end that receives it.
#pragma once

#include <cstdint>

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {

struct acknowledgement {
  bool acceptable = false;  ///< the receiver's kernel would look at it
  uint32_t acked = 0;       ///< numbers it newly acknowledges
  uint32_t sacked = 0;      ///< bytes its SACK blocks newly acknowledge
};

/// Judge a segment's ACK and take in its SACK blocks; snd_una does not move yet.
///
/// An ACK beyond snd_max but within a window: the capture missed what it acknowledges, and the peer
/// is believed. PAWS and the receive window are not applied: what the receiver had seen before is
/// unknown.
acknowledgement judge_ack(end& to, const segment& seg);

/// snd_una moves.
void accept_ack(end& to, khelp_tcp_seq ack);

/// The sender's side: its duplicate ACKs are counted, for is_resent().
void note_sent_ack(end& from, const segment& seg, int64_t when_ns);

}  // namespace khelp::tcp
