#include "subsystem/tcp/engine.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <optional>

#include <khelp/clock.h>

#include "subsystem/tcp/acknowledging.hpp"
#include "subsystem/tcp/connection_limit.hpp"
#include "subsystem/tcp/copies.hpp"
#include "subsystem/tcp/sending.hpp"
#include "subsystem/tcp/sequence.hpp"
#include "subsystem/tcp/states.hpp"

namespace khelp::tcp {

namespace {

// ---- the names of an end ----

void name_end(end& e, const segment& seg, bool is_sender, uint32_t instance) {
  khelp_inpcb& who = e.who;
  const auto& local = is_sender ? seg.source : seg.destination;
  const auto& foreign = is_sender ? seg.destination : seg.source;
  std::copy(local.begin(), local.end(), who.inp_laddr);
  std::copy(foreign.begin(), foreign.end(), who.inp_faddr);
  who.inp_lport = htons(is_sender ? seg.source_port : seg.destination_port);
  who.inp_fport = htons(is_sender ? seg.destination_port : seg.source_port);
  who.inp_vflag = seg.ip_version == 6 ? KHELP_INP_IPV6 : KHELP_INP_IPV4;
  who.inp_instance = instance;
}

void tie(end& e, end& peer) {
  e.block.t_inpcb = &e.who;
  e.block.osd = &e.block.t_osd;
  e.block.t_peer = &peer.block;
}

// ---- the points ----

/// What apply_to() found out before the points run.
struct facts {
  uint32_t resent;  ///< payload bytes the capture had shown before
  const acknowledgement& judged;
};

/// Timestamps on the observer's clock, as <khelp/tcp.h> promises (struct khelp_tcpopt).
struct observed_timestamps {
  bool present = false;
  uint32_t sent = 0;               ///< when this TSval was first sent
  std::optional<uint32_t> echoed;  ///< when the TSval it echoes was first sent
};

observed_timestamps observe_timestamps(end& from, end& to, const segment& seg, uint32_t now) {
  observed_timestamps seen;
  seen.present = (seg.options.present & KHELP_TOF_TS) != 0;
  if (!seen.present)
    return seen;
  seen.sent = from.stamps.sent(seg.options.tsval, now);
  if (seg.has(KHELP_TH_ACK))
    seen.echoed = to.stamps.echoed(seg.options.tsecr);
  return seen;
}

// What hooks see is written field by field where it will be read: a copy would wait until the fields
// have reached the cache.

/// In host order.
void write_header(const segment& seg, khelp_tcphdr& header) {
  header.th_sport = seg.source_port;
  header.th_dport = seg.destination_port;
  header.th_seq = seg.seq;
  header.th_ack = seg.ack;
  header.th_x2 = seg.reserved_bits & 0xf;
  header.th_off = seg.header_words & 0xf;
  header.th_flags = seg.flags;
  header.th_win = seg.window;
  header.th_sum = htons(seg.checksum);
  header.th_urp = seg.urgent;
}

void write_header_in_network_order(const segment& seg, khelp_tcphdr& header) {
  header.th_sport = htons(seg.source_port);
  header.th_dport = htons(seg.destination_port);
  header.th_seq = htonl(seg.seq);
  header.th_ack = htonl(seg.ack);
  header.th_x2 = seg.reserved_bits & 0xf;
  header.th_off = seg.header_words & 0xf;
  header.th_flags = seg.flags;
  header.th_win = htons(seg.window);
  header.th_sum = htons(seg.checksum);
  header.th_urp = htons(seg.urgent);
}

/// SACK blocks as on the wire.
using raw_sacks = std::array<khelp_tcp_range, KHELP_TCP_MAX_SACKS>;
static_assert(sizeof(raw_sacks) == size_t{8} * KHELP_TCP_MAX_SACKS);

raw_sacks raw_sacks_of(const segment_options& options) {
  raw_sacks raw{};
  for (size_t i = 0; i < options.sack_count; ++i)
    raw[i] = {htonl(options.sacks[i].start), htonl(options.sacks[i].end)};
  return raw;
}

/// All but the time stamps.
void write_options(const segment_options& options, const raw_sacks& raw, khelp_tcpopt& opt) {
  opt.to_flags = options.present;
  opt.to_mss = options.mss;
  opt.to_wscale = options.window_scale;
  opt.to_nsacks = options.sack_count;
  opt.to_sacks = (options.present & KHELP_TOF_SACK) != 0
                     ? reinterpret_cast<const uint8_t*>(raw.data())
                     : nullptr;
}

/// The fields that mean the same at both points.
void write_context(const routed_segment& what, int64_t when_ns, const facts& found,
                   khelp_tcp_hhook_data& context) {
  const segment& seg = what.seg;
  context.curack = seg.ack;
  context.size = sizeof context;
  context.when_ns = what.timed ? when_ns : 0;
  context.seq = seg.seq + (seg.has(KHELP_TH_SYN) ? 1 : 0);
  context.ack = seg.has(KHELP_TH_ACK) ? seg.ack : 0;
  context.payload = seg.payload;
  context.resent = found.resent;
  context.tsval = seg.options.tsval;
  context.tsecr = seg.options.tsecr;
  context.acked = found.judged.acked;
  context.sacked = found.judged.sacked;
  context.window = seg.window;
  context.flags = seg.flags;
  context.nsacks = seg.options.sack_count;
  context.capture = what.at.capture;
  context.packet = what.at.packet;
  std::copy(seg.options.sacks.begin(), seg.options.sacks.end(), context.sacks);
}

bool passes_est_in(const end& to, const segment& seg, const acknowledgement& judged) {
  return judged.acceptable && !seg.has(KHELP_TH_SYN) && established(to) &&
         to.block.t_state != KHELP_TCPS_TIME_WAIT;
}

/// EST_OUT at the sender, EST_IN at the receiver. snd_una has not moved.
void run_points(const flow& f, end& from, end& to, const routed_segment& what, int64_t when_ns,
                const facts& found) {
  const segment& seg = what.seg;
  const point_pair& where = *f.where;
  const observed_timestamps stamps = observe_timestamps(from, to, seg, khelp_clock_ticks());
  from.block.snd_cwnd = std::max(from.block.snd_max - from.block.snd_una, from.block.t_maxseg);
  const bool super_segment = seg.payload > from.block.t_maxseg;
  if (super_segment && !from.sends_super_segments) {
    from.sends_super_segments = true;
    from.block.t_flags |= KHELP_TF_TSO;
  }
  if (!where.has_hooks())
    return;

  const raw_sacks blocks = raw_sacks_of(seg.options);
  khelp_tcphdr header{};
  write_header_in_network_order(seg, header);
  khelp_tcpopt options{};
  write_options(seg.options, blocks, options);
  options.to_tsval = stamps.present ? htonl(stamps.sent) : 0;
  options.to_tsecr = stamps.present ? htonl(stamps.echoed.value_or(f.began_tick)) : 0;
  khelp_tcp_hhook_data context{};
  write_context(what, when_ns, found, context);
  context.tp = &from.block;
  context.th = &header;
  context.to = &options;
  context.len = seg.payload;
  context.tso = super_segment;
  where.run_out(context);

  if (!passes_est_in(to, seg, found.judged))
    return;
  write_header(seg, header);
  write_options(seg.options, blocks, options);
  options.to_tsval = stamps.sent;
  options.to_tsecr = stamps.echoed.value_or(0);
  context.tp = &to.block;
  context.len = 0;
  context.tso = 0;
  where.run_in(context);
}

}  // namespace

flow& engine::open(const routed_segment& what) {
  flow& f = table_.insert(what.to.key, what.hash);
  ++opened_;
  f.where = what.where;
  f.low_end = what.to.from_high ? 1 : 0;
  f.with_itself = what.to.with_itself;
  f.began_tick = khelp_clock_ticks();
  end& first = f.ends[0];
  end& second = f.ends[1];
  name_end(first, what.seg, true, what.to.key.instance);
  name_end(second, what.seg, false, what.to.key.instance);
  tie(first, f.with_itself ? first : second);
  tie(second, first);
  watcher_.began(f);
  ends_without_memory_ += f.where->init(first.block) == ENOMEM;
  if (!f.with_itself)
    ends_without_memory_ += f.where->init(second.block) == ENOMEM;
  return f;
}

void engine::apply(const routed_segment& what, connection_limit* limit) {
  const segment& seg = what.seg;
  what.where->enter();
  flow* f = table_.find(what.to.key, what.hash);
  const auto sender_of = [&](flow& known) -> end& {
    return known.ends[known.with_itself || what.to.from_high != (known.low_end == 0) ? 0 : 1];
  };
  if (f != nullptr && begins_anew(*f, sender_of(*f), seg)) {
    close(*f, ending::reused, {packet_, phase::reused, f->queued_at, f->began_at});
    f = nullptr;
  }
  if (f == nullptr) {
    if (seg.has(KHELP_TH_RST))
      return;  // resets nothing that we know
    if (limit != nullptr)
      limit->evict_for(packet_);
    watcher_.enter();
    watcher_.now = {packet_, phase::passing};
    what.where->enter();
    f = &open(what);
  }
  end& from = sender_of(*f);
  end& to = f->with_itself || &from == &f->ends[1] ? f->ends[0] : f->ends[1];
  table_.touch(*f);
  if (what.timed && was_captured_before(*f, from, seg, when_ns_)) {
    ++from.stats.copies;
    f->captured_twice = true;
    return;
  }
  apply_to(*f, from, to, what);
}

void engine::apply_to(flow& f, end& from, end& to, const routed_segment& what) {
  const segment& seg = what.seg;
  const bool syn = seg.has(KHELP_TH_SYN);
  const bool fin = seg.has(KHELP_TH_FIN);
  const bool rst = seg.has(KHELP_TH_RST);

  direction_stats& stats = from.stats;
  if (stats.segments++ == 0)
    stats.first_ns = when_ns_;
  stats.last_ns = when_ns_;
  stats.data_segments += seg.payload != 0;
  stats.bytes += seg.shown;
  from.who.inp_vlan = seg.vlan;

  if (rst) {
    if (is_believable_reset(from, to, seg)) {
      f.reset_by = &from;
      from.block.t_state = to.block.t_state = KHELP_TCPS_CLOSED;
      table_.set_stage(f, stage::ending);
    }
    return;
  }

  // What the segment says of its sender.
  const khelp_tcp_seq stop = seg.seq + seg.numbers();
  const bool control_again = (syn && from.syn_seen && seg.seq == from.block.iss) ||
                             (fin && from.fin_seen && stop == from.fin_end);
  const bool answered_anew = syn && from.syn_seen && seg.seq != from.block.iss;
  if (!from.known || answered_anew)
    learn_numbers(from, seg.seq);
  if (syn)
    from.block.iss = seg.seq;
  if (syn && f.reset_by != nullptr) {  // refused, and tried again with the same number
    f.reset_by = nullptr;
    table_.set_stage(f, stage::opening);
  }
  from.sent = true;
  if (syn && !from.syn_seen) {
    from.syn_seen = true;
    if (f.syn_ns == 0 && what.timed)
      f.syn_ns = when_ns_;
  }
  if (fin) {
    from.fin_seen = true;
    from.fin_end = stop;
  }
  learn_options(from, to, seg);

  const before_send before{from.block.snd_max, when_ns_ - from.advanced_ns};
  const seen_before seen = send(from, seg.seq, stop, when_ns_);
  if (control_again || is_resent(f, from, to, seg, seen, before, when_ns_))
    ++stats.retransmitted;
  if (f.reset_by == &from && seq_after(stop, before.max)) {  // the RST was not this end's
    f.reset_by = nullptr;
    table_.set_stage(f, stage::open);
  }

  // What it says to its receiver, then the points, then the receiver moves on.
  leave(from, seg);
  const acknowledgement judged = judge_ack(to, seg);
  arrive_in_handshake(to, seg, judged.acceptable);
  note_sent_ack(from, seg, when_ns_);
  // Also after a reset: these segments were on their way when it was sent.
  run_points(f, from, to, what, when_ns_, {std::min(seen.again, seg.payload), judged});
  if (judged.acceptable)
    accept_ack(to, seg.ack);
  arrive(to, seg, judged.acceptable);
  learn_windows(from, to, seg);
  if (seg.has(KHELP_TH_ACK))
    from.block.rcv_nxt = seg.ack;
  if (syn) {
    to.block.irs = seg.seq;
    if (!to.sent || to.block.rcv_nxt == 0)
      to.block.rcv_nxt = seg.seq + 1;
  }

  if (f.handshake_ns == 0 && f.syn_ns != 0 && !syn && from.syn_seen && to.syn_seen) {
    if (what.timed)
      f.handshake_ns = std::max<int64_t>(when_ns_ - f.syn_ns, 1);
    else
      f.syn_ns = 0;  // how long it took is not known
  }
  if (f.how_far == stage::opening && !syn)
    table_.set_stage(f, stage::open);
  if (all_said(from) && all_said(to))
    table_.set_stage(f, stage::ending);
}

}  // namespace khelp::tcp
