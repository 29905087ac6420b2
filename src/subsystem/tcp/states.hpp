/// The states of both ends, and of the connection, as segments pass.
#pragma once

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {

inline bool established(const end& e) {
  return e.block.t_state >= KHELP_TCPS_ESTABLISHED;
}

/// The sender's state as its segment leaves. A segment without SYN from an end that has not shown
/// its handshake: the capture began later, or missed it.
void leave(end& from, const segment& seg);

/// The receiver's handshake, before EST_IN: upstream enters ESTABLISHED first.
void arrive_in_handshake(end& to, const segment& seg, bool acceptable);

/// The receiver's state after EST_IN: its FIN may be acknowledged, the peer's may have come.
void arrive(end& to, const segment& seg, bool acceptable);

/// Its FIN was sent and acknowledged.
bool all_said(const end& e);

/// Does the RST end the connection? Its number must be the next one that its receiver expects,
/// and that lies between what the receiver has acknowledged and what the capture has shown. An RST
/// elsewhere in the window is only asked about (a challenge ACK), one outside of it is dropped. If
/// its sender has not said anything yet, it must acknowledge something of the other end: the SYN.
///
/// Source   RFC 5961 3.2, RFC 9293 3.10.7.3.
bool is_believable_reset(const end& from, const end& to, const segment& seg);

/// Does this SYN begin another connection between the same addresses and ports?
bool begins_anew(const flow& f, const end& from, const segment& seg);

}  // namespace khelp::tcp
