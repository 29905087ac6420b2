#include "subsystem/tcp/engine.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <optional>
#include <vector>

#include <khelp/clock.h>
#include <khelp/hhook.h>

#include "subsystem/tcp/connection_limit.hpp"
#include "subsystem/tcp/idle_clock.hpp"

namespace khelp::tcp {
namespace {

constexpr int64_t millisecond = 1'000'000;
constexpr int64_t second = 1000 * millisecond;
constexpr uint8_t syn = KHELP_TH_SYN;
constexpr uint8_t fin = KHELP_TH_FIN;
constexpr uint8_t rst = KHELP_TH_RST;
constexpr uint8_t ack = KHELP_TH_ACK;

/// What a hook was given, and how things stood then.
struct observation {
  int32_t point;
  khelp_tcp_hhook_data context;
  khelp_tcphdr header;
  khelp_tcpopt options;
  khelp_tcpcb block;
  khelp_osd* object;
  int64_t clock_ns;
};

struct closing {
  ending why;
  std::array<direction_stats, 2> stats;
  std::array<bool, 2> syn_seen;
};

/// What one side sends. Sequence numbers are absolute.
struct sent {
  uint8_t flags = ack;
  uint32_t seq = 0;
  uint32_t ack_number = 0;
  uint32_t payload = 0;
  segment_options options = {};
  uint16_t window = 1000;
  uint16_t vlan = 0;
  uint16_t identification = 0;  ///< 0: the next
};

segment_options mss(uint16_t value) {
  return {.present = KHELP_TOF_MSS, .mss = value};
}

segment_options stamps(uint32_t tsval, uint32_t tsecr) {
  return {.present = KHELP_TOF_TS, .tsval = tsval, .tsecr = tsecr};
}

segment_options sacks(std::initializer_list<khelp_tcp_range> blocks) {
  segment_options options{.present = KHELP_TOF_SACK};
  for (const auto& block : blocks)
    options.sacks[options.sack_count++] = block;
  return options;
}

/// A client (10.0.0.1) and a server (10.0.0.2), an engine that watches them, and a hook at both
/// points.
class conversation : flow_watcher {
 public:
  explicit conversation(const flow_limits& limits = {})
      : points_(std::move(points::attach()).value()),
        engine_(limits, *this),
        connection_limit_({&engine_}, limits) {
    hook(khelp_hhook_add_hook_lookup);
    at(0);
  }
  ~conversation() override {
    flush();
    hook([](khelp_hookinfo* info, uint32_t) { return khelp_hhook_remove_hook_lookup(info); });
  }

  /// The time of the packets from now on.
  conversation& at(int64_t when_ns) {
    now_ns_ = start_ns + when_ns;
    engine_.tick(++packet_, {now_ns_, clock_.advance(now_ns_)});
    return *this;
  }
  /// Whether it is known when the packets from now on were captured.
  conversation& timed(bool known) {
    timed_ = known;
    return *this;
  }
  /// Packets of others meanwhile, one a second.
  conversation& pass_time(int64_t ns) {
    for (int64_t passed = 0; passed < ns; passed += second)
      at(now_ns_ - start_ns + second);
    return *this;
  }
  void flush() { engine_.flush(now_ns_, {packet_ + 1, phase::flushed_open, ~uint64_t{0}, 0}); }
  conversation& client(const sent& what) {
    return apply(what, {10, 0, 0, 1}, {10, 0, 0, 2}, false);
  }
  conversation& server(const sent& what) { return apply(what, {10, 0, 0, 2}, {10, 0, 0, 1}, true); }
  conversation& itself(const sent& what) {
    segment seg = made_of(what);
    seg.source = seg.destination = {127, 0, 0, 1};
    seg.source_port = seg.destination_port = 7;
    pass(seg);
    return *this;
  }
  /// Client's ISN 1000, server's 5000.
  conversation& handshake(const segment_options& client_options = {},
                          const segment_options& server_options = {}) {
    client({.flags = syn, .seq = 1000, .options = client_options});
    server({.flags = syn | ack, .seq = 5000, .ack_number = 1001, .options = server_options});
    return client({.seq = 1001, .ack_number = 5001});
  }

  const observation& last(int32_t point) const {
    for (size_t i = observed.size(); i-- > 0;) {
      if (observed[i].point == point)
        return observed[i];
    }
    throw std::out_of_range("the point did not run");
  }
  const observation& last_in() const { return last(KHELP_HHOOK_TCP_EST_IN); }
  const observation& last_out() const { return last(KHELP_HHOOK_TCP_EST_OUT); }
  size_t runs(int32_t point) const {
    size_t count = 0;
    for (const auto& each : observed)
      count += each.point == point;
    return count;
  }

  /// The one live connection.
  const flow& connection() const {
    const flow* found = nullptr;
    engine_.for_each_live([&](const flow& f) { found = &f; });
    EXPECT_EQ(engine_.live(), 1u);
    return *found;
  }
  const end& client_end() const { return connection().ends[client_first_ ? 0 : 1]; }
  const end& server_end() const { return connection().ends[client_first_ ? 1 : 0]; }
  const engine& watcher() const { return engine_; }

  std::vector<observation> observed;
  std::vector<closing> closed;

  static constexpr int64_t start_ns = 1'000'000 * second;
  static constexpr uint32_t start_tick = 1'000'000'000;

 private:
  template <class Operation>
  void hook(Operation operation) {
    for (int32_t id : {KHELP_HHOOK_TCP_EST_IN, KHELP_HHOOK_TCP_EST_OUT}) {
      khelp_hookinfo info{};
      info.hook_func = observe;
      info.hook_udata = this;
      info.hook_type = KHELP_HHOOK_TYPE_TCP;
      info.hook_id = id;
      ASSERT_EQ(operation(&info, KHELP_HHOOK_WAITOK), 0);
    }
  }

  static int observe(int32_t, int32_t id, void* self, void* data, void*, khelp_osd* object) {
    const auto& context = *static_cast<khelp_tcp_hhook_data*>(data);
    static_cast<conversation*>(self)->observed.push_back(
        {id, context, *context.th, *context.to, *context.tp, object, khelp_clock_ns()});
    return 0;
  }

  segment made_of(const sent& what) {
    segment seg;
    seg.ip_version = 4;
    seg.flags = what.flags;
    seg.header_words = 5;
    seg.seq = what.seq;
    seg.ack = what.ack_number;
    seg.payload = seg.shown = what.payload;
    seg.options = what.options;
    seg.window = what.window;
    seg.vlan = what.vlan;
    seg.identification = what.identification != 0 ? what.identification : ++identification_;
    return seg;
  }

  conversation& apply(const sent& what, std::array<uint8_t, 16> source,
                      std::array<uint8_t, 16> destination, bool from_server) {
    segment seg = made_of(what);
    seg.source = source;
    seg.destination = destination;
    seg.source_port = from_server ? 80 : 4000;
    seg.destination_port = from_server ? 4000 : 80;
    if (engine_.live() == 0)
      client_first_ = !from_server;
    pass(seg);
    return *this;
  }

  void pass(const segment& seg) {
    engine_.tick(++packet_, {now_ns_, clock_.advance(now_ns_)});
    routed_segment what;
    what.seg = seg;
    find_key(seg, 0, what.to);
    what.hash = hash_(what.to.key);
    what.where = *points_.pair_of(0);
    what.at = {0, ++segments_};
    what.timed = timed_;
    engine_.apply(what, &connection_limit_);
  }

  void closes(const flow& f, ending why) override {
    closed.push_back(
        {why, {f.ends[0].stats, f.ends[1].stats}, {f.ends[0].syn_seen, f.ends[1].syn_seen}});
  }

  int64_t now_ns_ = start_ns;
  bool timed_ = true;
  uint64_t packet_ = 0;
  uint64_t segments_ = 0;
  uint16_t identification_ = 0;
  bool client_first_ = true;
  points points_;
  flow_hash hash_;
  idle_clock clock_;
  engine engine_;
  connection_limit connection_limit_;
};

// ---- the points ----

TEST(engine, a_handshake_passes_est_out_and_its_last_ack_passes_est_in) {
  conversation talk;
  talk.handshake();
  ASSERT_EQ(talk.observed.size(), 4u);
  EXPECT_EQ(talk.runs(KHELP_HHOOK_TCP_EST_OUT), 3u);
  EXPECT_EQ(talk.last_in().block.t_state, KHELP_TCPS_ESTABLISHED);
  EXPECT_EQ(talk.last_in().block.iss, 5000u);
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_ESTABLISHED);
  EXPECT_EQ(talk.server_end().block.t_state, KHELP_TCPS_ESTABLISHED);
}

TEST(engine, est_in_runs_before_snd_una_moves) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1101});
  EXPECT_EQ(talk.last_in().block.snd_una, 1001u);
  EXPECT_EQ(talk.last_in().context.acked, 100u);
  EXPECT_EQ(talk.client_end().block.snd_una, 1101u);
}

TEST(engine, est_out_sees_network_order_and_est_in_host_order) {
  conversation talk;
  talk.handshake();
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100, .options = stamps(77, 88)});
  const observation& out = talk.last_out();
  EXPECT_EQ(ntohl(out.header.th_seq), 1001u);
  EXPECT_EQ(ntohl(out.header.th_ack), 5001u);
  EXPECT_EQ(ntohs(out.header.th_win), 1000);
  EXPECT_EQ(ntohs(out.header.th_dport), 80);
  EXPECT_EQ(ntohl(out.options.to_tsval), conversation::start_tick);
  EXPECT_EQ(out.context.len, 100u);
  const observation& in = talk.last_in();
  EXPECT_EQ(in.header.th_seq, 1001u);
  EXPECT_EQ(in.header.th_ack, 5001u);
  EXPECT_EQ(in.header.th_win, 1000);
  EXPECT_EQ(in.header.th_dport, 80);
  EXPECT_EQ(in.options.to_tsval, conversation::start_tick);
  EXPECT_EQ(in.context.len, 0u);
  for (const observation* each : {&out, &in}) {
    EXPECT_EQ(each->context.seq, 1001u);
    EXPECT_EQ(each->context.ack, 5001u);
    EXPECT_EQ(each->context.curack, 5001u);
    EXPECT_EQ(each->context.payload, 100u);
    EXPECT_EQ(each->context.tsval, 77u);
    EXPECT_EQ(each->context.tsecr, 88u);
    EXPECT_EQ(each->context.packet, 4u);
  }
}

TEST(engine, a_segment_leaves_one_end_and_arrives_at_the_other) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  const end& client = talk.client_end();
  const end& server = talk.server_end();
  EXPECT_EQ(talk.last_out().context.tp, &client.block);
  EXPECT_EQ(talk.last_out().object, client.block.osd);
  EXPECT_EQ(talk.last_in().context.tp, &server.block);
  EXPECT_EQ(talk.last_in().object, server.block.osd);
  EXPECT_EQ(client.block.t_peer, &server.block);
  EXPECT_EQ(client.block.t_inpcb, &client.who);
  EXPECT_EQ(ntohs(client.who.inp_lport), 4000);
  EXPECT_EQ(ntohs(client.who.inp_fport), 80);
  EXPECT_EQ(server.who.inp_laddr[3], 2);
}

TEST(engine, hooks_see_capture_time) {
  conversation talk;
  talk.at(123).handshake();
  EXPECT_EQ(talk.last_in().clock_ns, conversation::start_ns + 123);
  EXPECT_EQ(talk.last_in().context.when_ns, conversation::start_ns + 123);
}

TEST(engine, hooks_see_no_capture_time_where_it_is_not_known) {
  conversation talk;
  talk.at(123).handshake().timed(false).client({.seq = 1001, .ack_number = 5001, .payload = 10});
  EXPECT_EQ(talk.last_out().context.when_ns, 0);
  EXPECT_EQ(talk.last_out().clock_ns, conversation::start_ns + 123);
  talk.server({.seq = 5001, .ack_number = 1011});
  EXPECT_EQ(talk.last_in().context.when_ns, 0);
  talk.timed(true).at(456).client({.seq = 1011, .ack_number = 5001, .payload = 10});
  EXPECT_EQ(talk.last_out().context.when_ns, conversation::start_ns + 456);
}

TEST(engine, without_times_a_handshake_has_no_length_that_others_are_judged_by) {
  conversation talk;
  talk.timed(false).handshake();
  EXPECT_EQ(talk.connection().handshake_ns, 0);
  talk.client({.seq = 1101, .ack_number = 5001, .payload = 100});
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(talk.client_end().stats.retransmitted, 0u) << "it may have been overtaken";
}

TEST(engine, resets_pass_no_point) {
  conversation talk;
  talk.handshake();
  const size_t before = talk.observed.size();
  talk.client({.flags = rst | ack, .seq = 1001, .ack_number = 5001});
  EXPECT_EQ(talk.observed.size(), before);
}

TEST(engine, an_ack_of_what_the_capture_missed_is_believed) {
  conversation talk;
  talk.handshake().server({.seq = 5001, .ack_number = 3001});
  EXPECT_EQ(talk.last_in().context.acked, 2000u);
  EXPECT_EQ(talk.client_end().block.snd_una, 3001u);
  EXPECT_EQ(talk.client_end().block.snd_max, 3001u);
}

TEST(engine, an_ack_farther_away_than_any_window_is_not_acceptable) {
  conversation talk;
  talk.handshake();
  const size_t before = talk.runs(KHELP_HHOOK_TCP_EST_IN);
  talk.server({.seq = 5001, .ack_number = 1001 + 0x50000000u});
  talk.server({.seq = 5001, .ack_number = 1001 - 0x50000000u});
  EXPECT_EQ(talk.runs(KHELP_HHOOK_TCP_EST_IN), before);
  EXPECT_EQ(talk.client_end().block.snd_una, 1001u);
}

TEST(engine, an_ack_of_nothing_that_was_sent_does_not_complete_a_handshake) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 9999});
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_SYN_SENT);
}

// ---- timestamps ----

TEST(engine, timestamps_are_shown_on_the_observers_clock) {
  conversation talk;
  talk.handshake();
  talk.at(10 * millisecond)
      .client({.seq = 1001, .ack_number = 5001, .payload = 10, .options = stamps(700, 300)});
  EXPECT_EQ(ntohl(talk.last_out().options.to_tsval), conversation::start_tick + 10);
  EXPECT_EQ(ntohl(talk.last_out().options.to_tsecr), conversation::start_tick)
      << "an echo of what the capture has not shown: not after its beginning";
  EXPECT_EQ(talk.last_in().options.to_tsecr, 0u) << "no usable echo";

  talk.at(30 * millisecond).server({.seq = 5001, .ack_number = 1011, .options = stamps(301, 700)});
  EXPECT_EQ(talk.last_in().options.to_tsecr, conversation::start_tick + 10);
  EXPECT_EQ(talk.last_in().options.to_tsval, conversation::start_tick + 30);
  EXPECT_EQ(talk.last_in().context.tsecr, 700u);
}

TEST(engine, without_the_option_timestamps_are_zero) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 10});
  EXPECT_EQ(talk.last_out().options.to_flags, 0u);
  EXPECT_EQ(talk.last_out().options.to_tsval, 0u);
  EXPECT_EQ(talk.last_out().options.to_tsecr, 0u);
}

TEST(engine, timestamps_wrap) {
  conversation talk;
  talk.handshake();
  talk.at(millisecond)
      .client({.seq = 1001, .ack_number = 5001, .payload = 10, .options = stamps(0xffffffff, 1)});
  talk.at(2 * millisecond)
      .client({.seq = 1011, .ack_number = 5001, .payload = 10, .options = stamps(3, 1)});
  talk.server({.seq = 5001, .ack_number = 1011, .options = stamps(2, 0xffffffff)});
  EXPECT_EQ(talk.last_in().options.to_tsecr, conversation::start_tick + 1);
  talk.server({.seq = 5001, .ack_number = 1021, .options = stamps(2, 3)});
  EXPECT_EQ(talk.last_in().options.to_tsecr, conversation::start_tick + 2);
}

// ---- what ends know ----

TEST(engine, the_segment_size_is_the_peers_mss_less_the_timestamp_option) {
  conversation talk;
  talk.handshake(mss(1400), mss(1300));
  EXPECT_EQ(talk.client_end().block.t_maxseg, 1300u);
  EXPECT_EQ(talk.server_end().block.t_maxseg, 1400u);
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 10, .options = stamps(1, 2)});
  EXPECT_EQ(talk.client_end().block.t_maxseg, 1288u);
}

TEST(engine, the_segment_size_without_a_handshake_is_an_ethernets) {
  conversation talk;
  talk.client({.seq = 1, .ack_number = 2, .payload = 10, .options = stamps(1, 2)});
  EXPECT_EQ(talk.client_end().block.t_maxseg, 1448u);
  EXPECT_EQ(talk.server_end().block.t_maxseg, 1460u);
}

TEST(engine, a_super_segment_turns_tso_on_once) {
  conversation talk;
  talk.handshake(mss(1000), mss(1000)).client({.seq = 1001, .ack_number = 5001, .payload = 1000});
  EXPECT_EQ(talk.last_out().context.tso, 0);
  EXPECT_EQ(talk.client_end().block.t_flags & KHELP_TF_TSO, 0u);
  talk.client({.seq = 2001, .ack_number = 5001, .payload = 1001});
  EXPECT_NE(talk.last_out().context.tso, 0);
  EXPECT_NE(talk.client_end().block.t_flags & KHELP_TF_TSO, 0u);
  EXPECT_EQ(talk.last_in().context.tso, 0);

  talk.last_out().context.tp->t_flags &= ~KHELP_TF_TSO;  // as a helper does
  talk.client({.seq = 3002, .ack_number = 5001, .payload = 1001});
  EXPECT_EQ(talk.client_end().block.t_flags & KHELP_TF_TSO, 0u);
}

TEST(engine, windows_are_scaled_when_both_scales_are_known) {
  conversation talk;
  const auto scale = [](uint8_t shift) {
    return segment_options{.present = KHELP_TOF_SCALE, .window_scale = shift};
  };
  talk.handshake(scale(3), scale(5));
  EXPECT_EQ(talk.client_end().block.rcv_wnd, 1000u << 3);
  EXPECT_EQ(talk.server_end().block.snd_wnd, 1000u << 3);
  EXPECT_EQ(talk.client_end().block.snd_wnd, 1000u) << "a SYN's window is never scaled";
  EXPECT_EQ(talk.client_end().block.snd_scale, 5);
}

TEST(engine, flight_size_stands_for_the_congestion_window) {
  conversation talk;
  talk.handshake(mss(1000), mss(1000)).client({.seq = 1001, .ack_number = 5001, .payload = 1000});
  talk.client({.seq = 2001, .ack_number = 5001, .payload = 1000});
  EXPECT_EQ(talk.last_out().block.snd_cwnd, 2000u);
}

TEST(engine, sequence_numbers_wrap) {
  conversation talk;
  talk.client({.flags = syn, .seq = 0xfffffff0});
  talk.server({.flags = syn | ack, .seq = 0xffffffff, .ack_number = 0xfffffff1});
  talk.client({.seq = 0xfffffff1, .ack_number = 0, .payload = 100});
  talk.client({.seq = 0x55, .ack_number = 0, .payload = 100});
  talk.server({.seq = 0, .ack_number = 0xb9});
  EXPECT_EQ(talk.last_in().context.acked, 200u);
  EXPECT_EQ(talk.client_end().block.snd_una, 0xb9u);
  EXPECT_EQ(talk.client_end().stats.retransmitted, 0u);
}

TEST(engine, a_one_way_capture_of_gigabytes_stays_comparable) {
  conversation talk;
  for (uint32_t i = 0; i < 100; ++i) {
    talk.client({.seq = i * 0x4000000u, .ack_number = 5001, .payload = 0x4000000u});
    ASSERT_LE(talk.last_out().block.snd_max - talk.last_out().block.snd_una, 1u << 30);
  }
  EXPECT_EQ(talk.client_end().stats.retransmitted, 0u);
}

// ---- selective acknowledgements ----

TEST(engine, the_sack_hint_is_the_highest_block_and_lasts_one_segment) {
  conversation talk;
  talk.handshake();
  for (uint32_t i = 0; i < 5; ++i)
    talk.client({.seq = 1001 + i * 100, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1001, .options = sacks({{1101, 1201}, {1301, 1401}})});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 1401u);
  EXPECT_EQ(talk.last_in().block.sackhint.sacked_bytes, 200u);
  EXPECT_EQ(talk.last_in().context.sacked, 200u);
  EXPECT_EQ(talk.last_in().context.nsacks, 2);

  talk.server({.seq = 5001, .ack_number = 1001, .options = sacks({{1101, 1201}, {1301, 1401}})});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 1401u) << "as FreeBSD: valid, if not new";
  EXPECT_EQ(talk.last_in().context.sacked, 0u);
  talk.server({.seq = 5001, .ack_number = 1001});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 0u);
}

TEST(engine, an_ack_over_a_hole_counts_as_a_sack_block) {
  conversation talk;
  talk.handshake();
  for (uint32_t i = 0; i < 3; ++i)
    talk.client({.seq = 1001 + i * 100, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1001, .options = sacks({{1201, 1301}})});
  talk.server({.seq = 5001, .ack_number = 1101, .options = sacks({{1201, 1301}})});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 1301u);
  talk.server({.seq = 5001, .ack_number = 1301});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 1301u);
  EXPECT_EQ(talk.client_end().block.sackhint.sacked_bytes, 0u);
  talk.client({.seq = 1301, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1401});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 0u) << "no holes any more";
}

TEST(engine, blocks_behind_an_old_ack_were_acknowledged_long_ago) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 400});
  talk.server({.seq = 5001, .ack_number = 1301});
  talk.server({.seq = 5001, .ack_number = 1101, .options = sacks({{1251, 1351}})});
  EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 0u);
  EXPECT_EQ(talk.last_in().context.sacked, 0u);
}

TEST(engine, sack_blocks_that_cannot_be_are_ignored) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  for (const khelp_tcp_range block : {khelp_tcp_range{901, 1001}, khelp_tcp_range{1101, 1051},
                                      khelp_tcp_range{1051, 9999}, khelp_tcp_range{9999, 10999}}) {
    talk.server({.seq = 5001, .ack_number = 1001, .options = sacks({block})});
    EXPECT_EQ(talk.last_in().block.sackhint.last_sack_ack, 0u) << block.start;
    EXPECT_EQ(talk.last_in().context.sacked, 0u) << block.start;
    EXPECT_EQ(talk.last_in().context.sacks[0].start, block.start) << "hooks see all blocks";
  }
}

// ---- what was sent again ----

uint64_t client_retransmissions(const conversation& talk) {
  return talk.client_end().stats.retransmitted;
}

TEST(engine, data_sent_again_is_counted_and_told) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(talk.last_out().context.resent, 0u);
  talk.client({.seq = 1051, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(talk.last_out().context.resent, 50u);
  EXPECT_EQ(client_retransmissions(talk), 1u);
  EXPECT_EQ(talk.client_end().stats.data_segments, 2u);
  EXPECT_EQ(talk.client_end().stats.bytes, 200u);
  EXPECT_EQ(talk.client_end().block.snd_max, 1151u);
}

TEST(engine, a_segment_that_was_overtaken_is_no_retransmission) {
  conversation talk;
  talk.client({.seq = 901, .ack_number = 5001, .payload = 100});
  talk.client({.seq = 1101, .ack_number = 5001, .payload = 100});
  talk.at(2 * millisecond).client({.seq = 1001, .ack_number = 5001, .payload = 50});
  EXPECT_EQ(client_retransmissions(talk), 0u);
  EXPECT_EQ(talk.last_out().context.resent, 0u);
  talk.at(3 * millisecond).client({.seq = 1051, .ack_number = 5001, .payload = 50});
  EXPECT_EQ(client_retransmissions(talk), 1u);
}

TEST(engine, a_hole_filled_after_a_round_trip_is_a_retransmission_of_what_the_capture_missed) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  talk.at(20 * millisecond).server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  talk.at(30 * millisecond).client({.seq = 1001, .ack_number = 5001});
  talk.client({.seq = 1101, .ack_number = 5001, .payload = 100});
  talk.at(59 * millisecond).client({.seq = 1001, .ack_number = 5001, .payload = 50});
  EXPECT_EQ(client_retransmissions(talk), 0u);
  talk.at(61 * millisecond).client({.seq = 1051, .ack_number = 5001, .payload = 50});
  EXPECT_EQ(client_retransmissions(talk), 1u);
  EXPECT_EQ(talk.last_out().context.resent, 0u) << "the capture had not shown it";
}

TEST(engine, a_hole_filled_after_two_duplicate_acks_is_a_fast_retransmission) {
  conversation talk;
  talk.client({.seq = 901, .ack_number = 5001, .payload = 100});
  talk.client({.seq = 1101, .ack_number = 5001, .payload = 100});
  for (int i = 0; i < 3; ++i)
    talk.server({.seq = 5001, .ack_number = 1001});
  talk.at(millisecond).client({.seq = 1001, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(client_retransmissions(talk), 1u);
}

TEST(engine, keep_alives_are_no_retransmissions) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1101});
  talk.client({.seq = 1100, .ack_number = 5001, .payload = 1});
  talk.client({.seq = 1100, .ack_number = 5001});
  EXPECT_EQ(client_retransmissions(talk), 0u);
}

TEST(engine, one_byte_sent_again_before_its_ack_is_a_retransmission) {
  conversation talk;
  talk.handshake();
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 1});
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 1});
  EXPECT_EQ(client_retransmissions(talk), 1u);
}

TEST(engine, probes_of_a_closed_window_are_no_retransmissions) {
  conversation talk;
  talk.handshake().server({.seq = 5001, .ack_number = 1001, .window = 0});
  for (int i = 0; i < 3; ++i)
    talk.client({.seq = 1001, .ack_number = 5001, .payload = 1});
  talk.server({.seq = 5001, .ack_number = 1001, .window = 1000});
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(client_retransmissions(talk), 0u);
}

TEST(engine, repeated_syns_and_fins_are_retransmissions) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000}).client({.flags = syn, .seq = 1000});
  EXPECT_EQ(client_retransmissions(talk), 1u);
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  talk.client({.flags = fin | ack, .seq = 1001, .ack_number = 5001});
  talk.client({.flags = fin | ack, .seq = 1001, .ack_number = 5001});
  EXPECT_EQ(client_retransmissions(talk), 2u);
}

TEST(engine, data_before_the_first_segment_of_a_capture_was_not_sent_before) {
  conversation talk;
  talk.client({.seq = 2001, .ack_number = 5001, .payload = 100});
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 1000});
  EXPECT_EQ(client_retransmissions(talk), 0u);
  EXPECT_EQ(talk.client_end().block.snd_max, 2101u);
  talk.client({.seq = 1501, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(client_retransmissions(talk), 1u);
}

TEST(engine, a_copy_of_a_segment_counts_as_a_copy_only) {
  conversation talk;
  talk.handshake().at(10 * millisecond);
  const sent data{.seq = 1001, .ack_number = 5001, .payload = 100, .identification = 77};
  talk.client(data);
  const size_t runs = talk.observed.size();
  talk.at(10 * millisecond + 12'000).client(data);
  EXPECT_EQ(talk.observed.size(), runs) << "no point runs";
  const direction_stats& stats = talk.client_end().stats;
  EXPECT_EQ(stats.copies, 1u);
  EXPECT_EQ(stats.retransmitted, 0u);
  EXPECT_EQ(stats.segments, 3u);
  EXPECT_EQ(stats.bytes, 100u);
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100, .identification = 78});
  EXPECT_EQ(stats.retransmitted, 1u) << "sent again";
  EXPECT_EQ(stats.copies, 1u);
}

// ---- beginnings ----

TEST(engine, a_connection_may_begin_mid_stream) {
  conversation talk;
  talk.server({.seq = 5001, .ack_number = 1101, .payload = 10});
  talk.client({.seq = 1101, .ack_number = 5011});
  EXPECT_EQ(talk.last_in().block.snd_una, 5001u);
  EXPECT_EQ(talk.last_in().context.acked, 10u);
  EXPECT_FALSE(talk.connection().opened());
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_ESTABLISHED);
}

TEST(engine, both_ends_may_open_at_once) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000}).server({.flags = syn, .seq = 5000});
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_SYN_RECEIVED);
  talk.client({.flags = syn | ack, .seq = 1000, .ack_number = 5001});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_ESTABLISHED);
  EXPECT_EQ(talk.server_end().block.t_state, KHELP_TCPS_ESTABLISHED);
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.server({.seq = 5001, .ack_number = 1101});
  EXPECT_EQ(talk.last_in().context.acked, 100u);
}

TEST(engine, a_socket_connected_to_itself_is_one_end) {
  conversation talk;
  talk.itself({.flags = syn, .seq = 1000});
  talk.itself({.flags = syn | ack, .seq = 1000, .ack_number = 1001});
  talk.itself({.seq = 1001, .ack_number = 1001, .payload = 100});
  talk.itself({.seq = 1101, .ack_number = 1101});
  EXPECT_EQ(talk.last_in().context.acked, 100u);
  EXPECT_EQ(talk.last_in().context.tp, talk.last_out().context.tp);
  EXPECT_EQ(talk.last_in().block.t_peer, talk.last_in().context.tp);
  EXPECT_EQ(talk.connection().ends[0].stats.segments, 4u);
  EXPECT_EQ(talk.connection().ends[1].stats.segments, 0u);
}

TEST(engine, a_syn_may_come_behind_what_it_opened) {
  conversation talk;
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 10});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  talk.client({.flags = syn, .seq = 1000});
  talk.server({.seq = 5001, .ack_number = 1011});
  EXPECT_TRUE(talk.closed.empty());
  EXPECT_EQ(talk.last_in().context.acked, 10u);
  EXPECT_TRUE(talk.client_end().syn_seen);
  EXPECT_EQ(client_retransmissions(talk), 0u);
}

TEST(engine, a_new_syn_between_the_same_ports_is_another_connection) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.client({.flags = syn, .seq = 77000});
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::reused);
  EXPECT_EQ(talk.closed[0].stats[0].bytes, 100u);
  EXPECT_EQ(talk.client_end().block.iss, 77000u);
  EXPECT_EQ(talk.client_end().stats.segments, 1u);
}

TEST(engine, the_same_syn_again_is_the_same_connection) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  talk.at(64 * second).client({.flags = syn, .seq = 1000});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  talk.client({.flags = syn, .seq = 1000});
  EXPECT_TRUE(talk.closed.empty());
}

TEST(engine, a_server_may_answer_again_with_another_number) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  talk.server({.flags = syn | ack, .seq = 9000, .ack_number = 1001});
  talk.client({.seq = 1001, .ack_number = 9001});
  EXPECT_TRUE(talk.closed.empty());
  EXPECT_EQ(talk.server_end().block.iss, 9000u);
  EXPECT_EQ(talk.server_end().block.snd_una, 9001u);
}

TEST(engine, a_refused_syn_may_be_tried_again) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  talk.server({.flags = rst | ack, .ack_number = 1001});
  talk.handshake();
  EXPECT_TRUE(talk.closed.empty());
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_ESTABLISHED);
}

TEST(engine, a_reset_of_nobody_begins_nothing) {
  conversation talk;
  talk.client({.flags = rst, .seq = 1});
  EXPECT_EQ(talk.watcher().opened(), 0u);
}

TEST(engine, a_vlan_tag_on_one_way_only_divides_nothing) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000, .vlan = 7});
  talk.server({.flags = syn | ack, .seq = 5000, .ack_number = 1001});
  EXPECT_EQ(talk.client_end().who.inp_vlan, 7);
  EXPECT_EQ(talk.server_end().who.inp_vlan, 0);
}

// ---- endings ----

void end_of(conversation& talk) {
  talk.client({.flags = fin | ack, .seq = 1001, .ack_number = 5001});
  talk.server({.flags = fin | ack, .seq = 5001, .ack_number = 1002});
  talk.client({.seq = 1002, .ack_number = 5002});
}

TEST(engine, both_fins_acknowledged_end_a_connection_after_four_minutes_of_silence) {
  conversation talk;
  talk.handshake();
  end_of(talk);
  EXPECT_EQ(talk.server_end().block.t_state, KHELP_TCPS_CLOSED);
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_TIME_WAIT);
  talk.pass_time(240 * second);
  EXPECT_TRUE(talk.closed.empty());
  talk.pass_time(second);
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::closed);
  EXPECT_EQ(talk.closed[0].stats[0].segments, 4u);
  EXPECT_EQ(talk.closed[0].stats[1].segments, 2u);
}

TEST(engine, late_segments_belong_to_the_connection_that_ended) {
  conversation talk;
  talk.handshake();
  end_of(talk);
  talk.at(5 * second).server({.flags = fin | ack, .seq = 5001, .ack_number = 1002});
  talk.pass_time(200 * second).client({.seq = 1002, .ack_number = 5002});
  talk.pass_time(240 * second);
  EXPECT_TRUE(talk.closed.empty());
  talk.pass_time(second);
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].stats[1].retransmitted, 1u);
  EXPECT_EQ(talk.watcher().opened(), 1u);
}

TEST(engine, a_reset_ends_a_connection) {
  conversation talk;
  talk.handshake().server({.flags = rst, .seq = 5001});
  talk.pass_time(241 * second);
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::reset);
}

TEST(engine, what_was_on_its_way_at_a_reset_still_passes_the_points) {
  conversation talk;
  talk.handshake().client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.client({.flags = rst | ack, .seq = 1101, .ack_number = 5001});
  talk.server({.seq = 5001, .ack_number = 1101});
  EXPECT_EQ(talk.last_in().context.acked, 100u);
  EXPECT_EQ(talk.last_in().context.tp, &talk.client_end().block);
}

/// A reset of the server's with that number, when 5001 to 5100 are on their way.
stage stage_after_reset(uint32_t seq) {
  conversation talk;
  talk.handshake().server({.seq = 5001, .ack_number = 1001, .payload = 100});
  talk.server({.flags = rst | ack, .seq = seq, .ack_number = 1001});
  return talk.connection().how_far;
}

TEST(engine, a_reset_ends_a_connection_only_at_the_number_that_its_receiver_expects) {
  EXPECT_EQ(stage_after_reset(5001), stage::ending) << "what is on its way may have been lost";
  EXPECT_EQ(stage_after_reset(5101), stage::ending);
  EXPECT_EQ(stage_after_reset(5000), stage::open) << "old";
  EXPECT_EQ(stage_after_reset(5102), stage::open) << "in the window: only asked about";
  EXPECT_EQ(stage_after_reset(5101 + 12345), stage::open) << "beyond the window";
  EXPECT_EQ(stage_after_reset(5101 + 0x60000000u), stage::open);
}

TEST(engine, a_reset_that_is_not_believed_leaves_the_states_alone) {
  conversation talk;
  talk.handshake().server({.flags = rst, .seq = 5001 + 12345});
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_ESTABLISHED);
  EXPECT_EQ(talk.server_end().block.t_state, KHELP_TCPS_ESTABLISHED);
}

TEST(engine, a_syn_is_refused_only_by_a_reset_that_acknowledges_it) {
  for (const sent& answer : {sent{.flags = rst}, sent{.flags = rst | ack, .ack_number = 1000},
                             sent{.flags = rst | ack, .ack_number = 1002}}) {
    conversation talk;
    talk.client({.flags = syn, .seq = 1000}).server(answer);
    EXPECT_EQ(talk.connection().how_far, stage::opening);
    talk.server({.flags = rst | ack, .ack_number = 1001});
    EXPECT_EQ(talk.connection().how_far, stage::ending);
  }
}

TEST(engine, an_end_that_goes_on_behind_a_reset_did_not_send_it) {
  conversation talk;
  talk.handshake().server({.flags = rst, .seq = 5001});
  talk.client({.seq = 1001, .ack_number = 5001, .payload = 100});
  EXPECT_EQ(talk.connection().how_far, stage::ending) << "it was on its way";
  talk.server({.seq = 5001, .ack_number = 1101, .payload = 100});
  EXPECT_EQ(talk.connection().how_far, stage::open);
  talk.flush();
  EXPECT_EQ(talk.closed.at(0).why, ending::flushed);
}

TEST(engine, one_fin_leaves_the_other_direction_open) {
  conversation talk;
  talk.handshake().client({.flags = fin | ack, .seq = 1001, .ack_number = 5001});
  talk.server({.seq = 5001, .ack_number = 1002, .payload = 50});
  EXPECT_EQ(talk.client_end().block.t_state, KHELP_TCPS_FIN_WAIT_2);
  EXPECT_EQ(talk.server_end().block.t_state, KHELP_TCPS_CLOSE_WAIT);
  talk.client({.seq = 1002, .ack_number = 5051});
  EXPECT_EQ(talk.last_in().context.acked, 50u);
  talk.at(20 * second);
  EXPECT_TRUE(talk.closed.empty());
}

TEST(engine, syns_without_answer_are_forgotten) {
  conversation talk;
  talk.client({.flags = syn, .seq = 1000});
  for (int64_t t = 1; t <= 240; ++t)
    talk.at(t * second);
  EXPECT_TRUE(talk.closed.empty());
  talk.at(241 * second);
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::silent);
  EXPECT_EQ(talk.closed[0].syn_seen, (std::array{true, false}));
}

TEST(engine, idle_connections_are_forgotten_after_two_hours_and_four_minutes) {
  conversation talk;
  talk.handshake();
  for (int64_t t = 1; t <= 7440; ++t)
    talk.at(t * second);
  EXPECT_TRUE(talk.closed.empty());
  talk.at(7441 * second);
  EXPECT_EQ(talk.closed.at(0).why, ending::silent);
}

TEST(engine, silence_counts_from_the_latest_segment) {
  conversation talk;
  talk.handshake();
  for (int64_t t = 1; t <= 7440 + 5000; ++t) {
    talk.at(t * second);
    if (t == 5000)
      talk.client({.seq = 1001, .ack_number = 5001, .payload = 1});
  }
  EXPECT_TRUE(talk.closed.empty());
  talk.at((7440 + 5001) * second);
  EXPECT_EQ(talk.closed.size(), 1u);
}

TEST(engine, time_that_runs_backwards_ends_nothing) {
  conversation talk;
  talk.at(1000 * second).handshake();
  talk.at(0).client({.seq = 1001, .ack_number = 5001, .payload = 100});
  talk.at(millisecond).server({.seq = 5001, .ack_number = 1101});
  EXPECT_EQ(talk.last_in().context.acked, 100u);
  EXPECT_TRUE(talk.closed.empty());
}

TEST(engine, a_full_table_gives_up_the_oldest) {
  conversation talk(flow_limits{.flows = 1});
  talk.handshake().itself({.seq = 1, .ack_number = 1, .payload = 1});
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::evicted);
}

TEST(engine, flush_reports_what_still_lives) {
  conversation talk;
  talk.handshake();
  talk.flush();
  ASSERT_EQ(talk.closed.size(), 1u);
  EXPECT_EQ(talk.closed[0].why, ending::flushed);
  EXPECT_EQ(talk.watcher().live(), 0u);
}

}  // namespace
}  // namespace khelp::tcp
