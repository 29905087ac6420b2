#include "subsystem/tcp/states.hpp"

#include "subsystem/tcp/sending.hpp"
#include "subsystem/tcp/sequence.hpp"

namespace khelp::tcp {

void leave(end& from, const segment& seg) {
  int32_t& state = from.block.t_state;
  if (seg.has(KHELP_TH_SYN)) {
    if (state == KHELP_TCPS_CLOSED)
      state = seg.has(KHELP_TH_ACK) ? KHELP_TCPS_SYN_RECEIVED : KHELP_TCPS_SYN_SENT;
  } else if (!established(from)) {
    state = KHELP_TCPS_ESTABLISHED;
  }
  if (!seg.has(KHELP_TH_FIN))
    return;
  if (state == KHELP_TCPS_ESTABLISHED)
    state = KHELP_TCPS_FIN_WAIT_1;
  else if (state == KHELP_TCPS_CLOSE_WAIT)
    state = KHELP_TCPS_LAST_ACK;
}

void arrive_in_handshake(end& to, const segment& seg, bool acceptable) {
  int32_t& state = to.block.t_state;
  if (established(to))
    return;
  if (seg.has(KHELP_TH_SYN)) {
    if (state == KHELP_TCPS_SYN_SENT && !seg.has(KHELP_TH_ACK))
      state = KHELP_TCPS_SYN_RECEIVED;
    else if (acceptable && state != KHELP_TCPS_CLOSED)
      state = KHELP_TCPS_ESTABLISHED;
  } else if (acceptable) {
    state = KHELP_TCPS_ESTABLISHED;
  }
}

void arrive(end& to, const segment& seg, bool acceptable) {
  int32_t& state = to.block.t_state;
  const bool fin_acked = acceptable && to.fin_seen && !seq_before(seg.ack, to.fin_end);
  if (fin_acked) {
    if (state == KHELP_TCPS_FIN_WAIT_1)
      state = KHELP_TCPS_FIN_WAIT_2;
    else if (state == KHELP_TCPS_CLOSING)
      state = KHELP_TCPS_TIME_WAIT;
    else if (state == KHELP_TCPS_LAST_ACK)
      state = KHELP_TCPS_CLOSED;
  }
  if (!seg.has(KHELP_TH_FIN))
    return;
  if (state == KHELP_TCPS_ESTABLISHED)
    state = KHELP_TCPS_CLOSE_WAIT;
  else if (state == KHELP_TCPS_FIN_WAIT_1)
    state = KHELP_TCPS_CLOSING;
  else if (state == KHELP_TCPS_FIN_WAIT_2)
    state = KHELP_TCPS_TIME_WAIT;
}

bool all_said(const end& e) {
  return e.fin_seen && !seq_before(e.block.snd_una, e.fin_end);
}

bool is_believable_reset(const end& from, const end& to, const segment& seg) {
  if (!from.known)
    return seg.has(KHELP_TH_ACK) && to.known && seq_after(seg.ack, to.lowest) &&
           !seq_after(seg.ack, to.block.snd_max);
  return !seq_before(seg.seq, from.block.snd_una) && !seq_after(seg.seq, from.block.snd_max);
}

bool begins_anew(const flow& f, const end& from, const segment& seg) {
  constexpr uint32_t handshake_reach = 65535;
  if (!seg.has(KHELP_TH_SYN) || seg.has(KHELP_TH_RST))
    return false;
  if (from.syn_seen) {
    const bool restarted_answer = seg.has(KHELP_TH_ACK) && f.how_far == stage::opening;
    return seg.seq != from.block.iss && !restarted_answer;
  }
  if (f.how_far == stage::ending)
    return true;
  if (from.known)  // the SYN may come after what it opened
    return from.lowest - (seg.seq + 1) > handshake_reach;
  return f.how_far != stage::opening;
}

}  // namespace khelp::tcp
