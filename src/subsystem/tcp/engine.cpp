#include "subsystem/tcp/engine.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <optional>
#include <utility>

#include "subsystem/tcp/acknowledging.hpp"
#include "subsystem/tcp/sending.hpp"
#include "subsystem/tcp/states.hpp"

namespace khelp::tcp {

namespace {

uint32_t sequence_length(const segment& seg) {
  return seg.payload + (seg.has(KHELP_TH_SYN) ? 1 : 0) + (seg.has(KHELP_TH_FIN) ? 1 : 0);
}

// ---- who an end is ----

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
  acknowledgement judged;
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

khelp_tcphdr header_of(const segment& seg) {
  khelp_tcphdr header{};
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
  return header;
}

khelp_tcphdr in_network_order(khelp_tcphdr header) {
  header.th_sport = htons(header.th_sport);
  header.th_dport = htons(header.th_dport);
  header.th_seq = htonl(header.th_seq);
  header.th_ack = htonl(header.th_ack);
  header.th_win = htons(header.th_win);
  header.th_urp = htons(header.th_urp);
  return header;
}

khelp_tcpopt options_of(const segment_options& options) {
  khelp_tcpopt opt{};
  opt.to_flags = options.present;
  opt.to_mss = options.mss;
  opt.to_wscale = options.window_scale;
  opt.to_nsacks = options.sack_count;
  opt.to_sacks = options.raw_sacks;
  return opt;
}

/// The fields that mean the same at both points.
khelp_tcp_hhook_data context_of(const segment& seg, const capture_position& at,
                                const facts& found) {
  khelp_tcp_hhook_data context{};
  context.curack = seg.ack;
  context.size = sizeof context;
  context.when_ns = at.when_ns;
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
  context.capture = at.capture;
  context.packet = at.packet;
  std::copy(seg.options.sacks.begin(), seg.options.sacks.end(), context.sacks);
  return context;
}

bool passes_est_in(const end& to, const segment& seg, const acknowledgement& judged) {
  return judged.acceptable && !seg.has(KHELP_TH_SYN) && established(to) &&
         to.block.t_state != KHELP_TCPS_TIME_WAIT;
}

/// EST_OUT at the sender, EST_IN at the receiver. snd_una has not moved.
void run_points(const points& where, const flow& f, end& from, end& to, const segment& seg,
                const capture_position& at, const facts& found) {
  const observed_timestamps stamps = observe_timestamps(from, to, seg, where.ticks());
  from.block.snd_cwnd = std::max(from.block.snd_max - from.block.snd_una, from.block.t_maxseg);
  const bool super_segment = seg.payload > from.block.t_maxseg;
  if (super_segment && !from.sends_super_segments) {
    from.sends_super_segments = true;
    from.block.t_flags |= KHELP_TF_TSO;
  }
  if (!where.anybody_listens())
    return;

  const khelp_tcphdr host = header_of(seg);
  khelp_tcp_hhook_data context = context_of(seg, at, found);

  khelp_tcphdr header = in_network_order(host);
  khelp_tcpopt options = options_of(seg.options);
  if (stamps.present) {
    options.to_tsval = htonl(stamps.sent);
    options.to_tsecr = htonl(stamps.echoed.value_or(f.began_tick));
  }
  context.tp = &from.block;
  context.th = &header;
  context.to = &options;
  context.len = seg.payload;
  context.tso = super_segment;
  where.run_out(context);

  if (!passes_est_in(to, seg, found.judged))
    return;
  header = host;
  options = options_of(seg.options);
  options.to_tsval = stamps.sent;
  options.to_tsecr = stamps.echoed.value_or(0);
  context.tp = &to.block;
  context.len = 0;
  context.tso = 0;
  where.run_in(context);
}

}  // namespace

engine::engine(const points& where, const flow_limits& limits, close_listener on_close)
    : points_(where), on_close_(std::move(on_close)), table_(limits) {}

engine::~engine() {
  flush();
}

void engine::tick(int64_t when_ns) {
  points_.set_clock(when_ns);
  table_.tick(when_ns);
  while (flow* silent = table_.next_silent()) {
    const bool ended = silent->how_far == stage::ending;
    close(*silent, !ended ? ending::silent : silent->reset ? ending::reset : ending::closed);
  }
}

flow& engine::open(const segment& seg, const segment_key& found, uint64_t hash) {
  while (flow* crowding = table_.in_the_way())
    close(*crowding, ending::crowded);
  flow& f = table_.insert(found.key, hash);
  f.number = ++opened_;
  f.low_end = found.from_high ? 1 : 0;
  f.with_itself = found.with_itself;
  f.began_tick = points_.ticks();
  end& first = f.ends[0];
  end& second = f.ends[1];
  name_end(first, seg, true, found.key.instance);
  name_end(second, seg, false, found.key.instance);
  tie(first, f.with_itself ? first : second);
  tie(second, first);
  ends_without_data_ += points_.init(first.block) != 0;
  if (!f.with_itself)
    ends_without_data_ += points_.init(second.block) != 0;
  return f;
}

void engine::close(flow& gone, ending why) {
  if (on_close_)
    on_close_(gone, why);
  for (end& e : gone.ends)
    points_.destroy(e.block);
  table_.erase(gone);
}

void engine::flush() {
  while (flow* left = table_.any())
    close(*left, ending::flushed);
}

void engine::apply(const segment& seg, const capture_position& at) {
  const segment_key found = key_of(seg, at.instance);
  const uint64_t hash = table_.hash_of(found.key);
  flow* f = table_.find(found.key, hash);
  const auto sender_of = [&](flow& known) -> end& {
    return known.ends[known.with_itself || found.from_high != (known.low_end == 0) ? 0 : 1];
  };
  if (f != nullptr && begins_anew(*f, sender_of(*f), seg)) {
    close(*f, ending::reused);
    f = nullptr;
  }
  if (f == nullptr) {
    if (seg.has(KHELP_TH_RST))
      return;  // resets nothing that we know
    f = &open(seg, found, hash);
  }
  end& from = sender_of(*f);
  end& to = f->with_itself || &from == &f->ends[1] ? f->ends[0] : f->ends[1];
  table_.touch(*f);
  apply_to(*f, from, to, seg, at);
}

void engine::apply_to(flow& f, end& from, end& to, const segment& seg, const capture_position& at) {
  const bool syn = seg.has(KHELP_TH_SYN);
  const bool fin = seg.has(KHELP_TH_FIN);
  const bool rst = seg.has(KHELP_TH_RST);

  direction_stats& stats = from.stats;
  if (stats.segments++ == 0)
    stats.first_ns = at.when_ns;
  stats.last_ns = at.when_ns;
  stats.data_segments += seg.payload != 0;
  stats.bytes += seg.shown;
  from.who.inp_vlan = seg.vlan;

  if (rst) {
    if (is_believable_reset(from, to, seg)) {
      f.reset = true;
      from.block.t_state = to.block.t_state = KHELP_TCPS_CLOSED;
      table_.set_stage(f, stage::ending);
    }
    return;
  }

  // What the segment says of its sender.
  const khelp_tcp_seq stop = seg.seq + sequence_length(seg);
  const bool control_again = (syn && from.syn_seen && seg.seq == from.block.iss) ||
                             (fin && from.fin_seen && stop == from.fin_end);
  const bool answered_anew = syn && from.syn_seen && seg.seq != from.block.iss;
  if (!from.known || answered_anew)
    learn_numbers(from, seg.seq);
  if (syn)
    from.block.iss = seg.seq;
  if (syn && f.reset) {  // refused, and tried again with the same number
    f.reset = false;
    table_.set_stage(f, stage::opening);
  }
  from.sent = true;
  if (syn && !from.syn_seen) {
    from.syn_seen = true;
    if (f.syn_ns == 0)
      f.syn_ns = at.when_ns;
  }
  if (fin) {
    from.fin_seen = true;
    from.fin_end = stop;
  }
  learn_options(from, to, seg);

  const before_send before{from.block.snd_max, at.when_ns - from.advanced_ns};
  const seen_before seen = send(from, seg.seq, stop, at.when_ns);
  if (control_again || is_resent(f, from, to, seg, seen, before, at.when_ns))
    ++stats.retransmitted;

  // What it says to its receiver, then the points, then the receiver moves on.
  leave(from, seg);
  const acknowledgement judged = judge_ack(to, seg);
  arrive_in_handshake(to, seg, judged.acceptable);
  note_sent_ack(from, seg, at.when_ns);
  // Also after a reset: these segments were on their way when it was sent.
  run_points(points_, f, from, to, seg, at, {std::min(seen.again, seg.payload), judged});
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

  if (f.handshake_ns == 0 && f.syn_ns != 0 && !syn && from.syn_seen && to.syn_seen)
    f.handshake_ns = std::max<int64_t>(at.when_ns - f.syn_ns, 1);
  if (f.how_far == stage::opening && !syn)
    table_.set_stage(f, stage::open);
  if (all_said(from) && all_said(to))
    table_.set_stage(f, stage::ending);
}

}  // namespace khelp::tcp
