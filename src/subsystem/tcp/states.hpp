/// The states of both ends, and of the connection, as segments pass.
#pragma once

#include "subsystem/tcp/decode.hpp"
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

/// Does the RST fit: a number its sender may be at, or an ACK of what the other end has in flight?
bool is_believable_reset(const end& from, const end& to, const segment& seg);

/// Does this SYN begin another connection between the same addresses and ports?
bool begins_anew(const flow& f, const end& from, const segment& seg);

}  // namespace khelp::tcp
