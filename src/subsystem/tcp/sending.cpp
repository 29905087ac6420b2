#include "subsystem/tcp/sending.hpp"

#include <algorithm>

#include "subsystem/tcp/sequence.hpp"

namespace khelp::tcp {

namespace {

/// Numbers must stay comparable: what is more than a window behind snd_max is given up.
void keep_comparable(end& e) {
  khelp_tcpcb& block = e.block;
  const khelp_tcp_seq floor = block.snd_max - largest_window;
  if (seq_before(e.lowest, floor))
    e.lowest = floor;
  if (!seq_before(block.snd_una, floor))
    return;
  block.snd_una = floor;
  block.snd_fack = seq_max(block.snd_fack, floor);
  e.unseen.remove_before(floor);
  e.sacked.remove_before(floor);
}

/// One byte the peer will throw away, to see whether it answers: a keep-alive in front of snd_max
/// with nothing outstanding, or the byte that first probed a closed window.
bool is_probe(const end& from, const segment& seg, khelp_tcp_seq old_max) {
  if (seg.payload != 1 || seg.seq + 1 != old_max)
    return false;
  return from.block.snd_una == old_max || (from.probed && from.probe == seg.seq);
}

/// The MSS the peer announced. Not seen: what the end announced itself, or what is usual on an
/// Ethernet.
uint32_t announced_mss(const end& from, const end& to) {
  const bool ipv6 = from.who.inp_vflag == KHELP_INP_IPV6;
  if (to.block.t_mss_sent != 0)
    return to.block.t_mss_sent;
  if (to.syn_seen)
    return ipv6 ? 1220 : 536;  // a SYN without the option (RFC 9293)
  if (from.block.t_mss_sent != 0)
    return from.block.t_mss_sent;
  return ipv6 ? 1440 : 1460;
}

void set_segment_size(end& from, const end& to) {
  constexpr uint32_t timestamp_option = 12;
  constexpr uint32_t smallest = 64;
  const uint32_t overhead = from.sends_timestamps ? timestamp_option : 0;
  from.block.t_maxseg = std::max(announced_mss(from, to), smallest + overhead) - overhead;
}

}  // namespace

void learn_numbers(end& e, khelp_tcp_seq first) {
  khelp_tcpcb& block = e.block;
  block.iss = first;
  block.snd_una = block.snd_nxt = block.snd_max = block.snd_fack = first;
  e.lowest = first;
  e.unseen.clear();
  e.sacked.clear();
  e.known = true;
}

seen_before send(end& e, khelp_tcp_seq start, khelp_tcp_seq stop, int64_t when_ns) {
  khelp_tcpcb& block = e.block;
  seen_before seen;
  khelp_tcp_seq rest = start;
  if (seq_before(start, e.lowest)) {
    if (seq_before(stop, e.lowest))
      e.unseen.add(stop, e.lowest);
    rest = e.lowest;
    e.lowest = start;
  }
  const khelp_tcp_seq known_stop = seq_min(stop, block.snd_max);
  if (seq_before(rest, known_stop)) {
    seen.filled = e.unseen.remove(rest, known_stop);
    seen.again = (known_stop - rest) - seen.filled;
  }
  if (seq_after(start, block.snd_max))
    e.unseen.add(block.snd_max, start);
  if (start == block.snd_max && stop - start == 1 && block.snd_wnd == 0) {
    e.probe = start;
    e.probed = true;
  }
  if (seq_after(stop, block.snd_max)) {
    block.snd_max = stop;
    e.advanced_ns = when_ns;
    keep_comparable(e);
  }
  block.snd_nxt = stop;
  return seen;
}

bool is_resent(const flow& f, const end& from, const end& to, const segment& seg,
               const seen_before& seen, const before_send& before, int64_t when_ns) {
  constexpr int64_t reordering_ns = 3'000'000;
  constexpr int64_t fast_retransmission_ns = 20'000'000;
  if (seg.payload == 0 || is_probe(from, seg, before.max))
    return false;
  if (seen.again != 0)
    return seg.payload == 1 || seg.seq + 1 != before.max;
  if (seen.filled == 0)
    return false;
  const bool asked_for = to.duplicate_acks >= 2 && to.latest_ack == seg.seq &&
                         when_ns - to.latest_ack_ns < fast_retransmission_ns;
  const int64_t round_trip_ns = f.handshake_ns != 0 ? f.handshake_ns : reordering_ns;
  return asked_for || before.since_advance_ns >= round_trip_ns;
}

void learn_options(end& from, end& to, const segment& seg) {
  const segment_options& options = seg.options;
  const bool timestamps = (options.present & KHELP_TOF_TS) != 0;
  if (seg.has(KHELP_TH_SYN)) {
    if ((options.present & KHELP_TOF_MSS) != 0)
      from.block.t_mss_sent = options.mss;
    if ((options.present & KHELP_TOF_SCALE) != 0) {
      from.scale_seen = true;
      from.block.rcv_scale = options.window_scale;
      to.block.snd_scale = options.window_scale;
      to.block.t_flags |= KHELP_TF_RCVD_SCALE;
    }
    if ((options.present & KHELP_TOF_SACKPERM) != 0)
      to.block.t_flags |= KHELP_TF_SACK_PERMIT;
  }
  if (timestamps) {
    to.block.t_flags |= KHELP_TF_RCVD_TSTMP;
    to.block.ts_recent = options.tsval;
  }
  if (options.sack_count != 0)
    to.block.t_flags |= KHELP_TF_SACK_PERMIT;

  const bool changed = timestamps != from.sends_timestamps;
  from.sends_timestamps = timestamps;
  if (changed || seg.has(KHELP_TH_SYN) || from.block.t_maxseg == 0) {
    set_segment_size(from, to);
    set_segment_size(to, from);
  }
}

void learn_windows(end& from, end& to, const segment& seg) {
  const bool scaled = !seg.has(KHELP_TH_SYN) && from.scale_seen && to.scale_seen;
  const uint32_t window = uint32_t{seg.window} << (scaled ? from.block.rcv_scale : 0);
  from.block.rcv_wnd = window;
  to.block.snd_wnd = window;
}

}  // namespace khelp::tcp
