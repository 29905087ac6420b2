/// The helper as programs meet it: loaded from its file, hooked to the TCP points, read through the
/// contract.
#include <arpa/inet.h>
#include <cerrno>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include <khelp/clock.h>
#include <khelp/ertt.h>
#include <khelp/tcp.hpp>
#include <khelp/uma.h>

namespace {

constexpr std::int64_t ms = 1'000'000;
const std::string helper_file = KHELP_HELPER_DIR "/ertt.so";

khelp::result<khelp::loaded_module> load_ertt(const std::string& delack_filter = "1") {
  return khelp::loaded_module::load(helper_file, {{"delack_filter", delack_filter}});
}

std::int64_t segment_records_out() {
  std::int64_t out = 0;
  auto count = [](void* total, const khelp_uma_stat* zone) {
    if (std::string(zone->name) == "ertt_segment")
      *static_cast<std::int64_t*>(total) += static_cast<std::int64_t>(zone->used);
  };
  EXPECT_EQ(khelp_uma_stats(count, &out), 0);
  return out;
}

/// Collects the samples reported on this thread.
struct listener : khelp_sample_sink {
  listener() : khelp_sample_sink{take}, before(khelp_sample_set_sink(this)) {}
  ~listener() { khelp_sample_set_sink(before); }

  static void take(khelp_sample_sink* sink, const char* helper, const char* field, khelp_osd*,
                   std::int64_t value) {
    static_cast<listener*>(sink)->got.push_back(std::string(helper) + "." + field + " " +
                                                std::to_string(value));
  }

  std::vector<std::string> got;
  khelp_sample_sink* before;
};

/// An end of a connection, whose segments pass the TCP points.
class module : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(in_.open()) << khelp_failure_text();
    ASSERT_TRUE(out_.open()) << khelp_failure_text();
    end_.osd = &end_.t_osd;
    end_.t_maxseg = 1000;
    end_.snd_una = 1;
    khelp_clock_set(now_);
  }
  void TearDown() override {
    khelp_destroy_osd(end_.osd);
    khelp_clock_reset();
  }

  void init_end() { ASSERT_EQ(khelp_init_osd(KHELP_HELPER_CLASS_TCP, end_.osd), 0); }
  void pass(std::int64_t time) { khelp_clock_set(now_ += time); }

  void send(std::uint32_t seq, std::uint32_t len) {
    khelp_tcphdr header{};
    khelp_tcpopt options{};
    header.th_seq = htonl(seq);
    khelp_tcp_hhook_data segment = context(header, options);
    segment.len = segment.payload = len;
    segment.seq = seq;
    out_(segment, end_.osd);
  }
  void receive(std::uint32_t ack) {
    khelp_tcphdr header{};
    khelp_tcpopt options{};
    header.th_ack = ack;
    khelp_tcp_hhook_data segment = context(header, options);
    segment.ack = ack;
    in_(segment, end_.osd);
    end_.snd_una = ack;
  }

  const khelp_ertt* values() {
    khelp::object_section section(end_.osd);
    return section.data<khelp_ertt>(khelp_get_id("ertt"));
  }

  khelp_tcpcb end_{};
  std::int64_t now_ = 1000 * ms;
  bool timed_ = true;  ///< it is known when segments come

 private:
  khelp_tcp_hhook_data context(khelp_tcphdr& header, khelp_tcpopt& options) {
    khelp_tcp_hhook_data segment{};
    segment.tp = &end_;
    segment.th = &header;
    segment.to = &options;
    segment.size = sizeof segment;
    segment.when_ns = timed_ ? now_ : 0;
    return segment;
  }

  khelp::hook_point<khelp_tcp_hhook_data> in_{"est-in", KHELP_HHOOK_TYPE_TCP,
                                              KHELP_HHOOK_TCP_EST_IN};
  khelp::hook_point<khelp_tcp_hhook_data> out_{"est-out", KHELP_HHOOK_TYPE_TCP,
                                               KHELP_HHOOK_TCP_EST_OUT};
};

TEST_F(module, measures_and_shows_struct_ertt_to_others) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  send(1, 1000);
  pass(20 * ms);
  receive(1001);
  const khelp_ertt* e = values();
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->rtt, 21);
  EXPECT_EQ(e->minrtt, 21);
  EXPECT_EQ(e->flags, KHELP_ERTT_NEW_MEASUREMENT);
}

TEST_F(module, measures_nothing_where_no_time_is_known) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  const listener heard;
  timed_ = false;
  send(1, 1000);
  receive(1001);
  timed_ = true;
  send(1001, 1000);
  timed_ = false;
  receive(2001);
  timed_ = true;
  const khelp_ertt* e = values();
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->rtt, 0);
  EXPECT_EQ(e->minrtt, 0);
  EXPECT_TRUE(heard.got.empty());
  send(2001, 1000);
  pass(20 * ms);
  receive(3001);
  EXPECT_EQ(values()->rtt, 21);
  EXPECT_EQ(heard.got, std::vector<std::string>{"ertt.rtt_us 20000000"});
}

TEST_F(module, reports_what_it_measured_under_names) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  send(1, 1000);
  pass(20 * ms);
  receive(1001);

  khelp_helper_description about{};
  about.size = sizeof about;
  ASSERT_EQ(khelp_helper_describe(khelp_get_id("ertt"), &about), 0);
  std::vector<khelp_value> reported(about.nfields);
  khelp::object_section section(end_.osd);
  about.report(section.data<void>(khelp_get_id("ertt")), reported.data());
  std::string shown;
  for (std::uint32_t i = 0; i < about.nfields; ++i) {
    if (reported[i].present != 0)
      shown += std::string(about.fields[i].name) + "=" + std::to_string(reported[i].number) + " ";
  }
  EXPECT_EQ(shown,
            "samples=1 min_us=20000000 median_us=20000000 max_us=20000000 last_us=20000000 "
            "marked_us=20000000 delayed_ack=0 timestamp_errors=0 ticks.rtt=21 ticks.minrtt=21 "
            "ticks.maxrtt=21 ticks.markedpkt_rtt=21 ticks.bytes_tx_in_marked_rtt=1000 "
            "ticks.dlyack_rx=0 ticks.timestamp_errors=0 ticks.flags=1 ");
}

TEST_F(module, times_are_absent_before_anything_is_measured) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  khelp_helper_description about{};
  about.size = sizeof about;
  ASSERT_EQ(khelp_helper_describe(khelp_get_id("ertt"), &about), 0);
  std::vector<khelp_value> reported(about.nfields);
  khelp::object_section section(end_.osd);
  about.report(section.data<void>(khelp_get_id("ertt")), reported.data());
  for (std::uint32_t i = 0; i < about.nfields; ++i) {
    if (about.fields[i].kind != KHELP_FIELD_DURATION)
      continue;
    EXPECT_EQ(reported[i].present, 0u) << about.fields[i].name;
  }
}

TEST_F(module, each_round_trip_is_reported_as_it_happens) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  listener samples;
  send(1, 1000);
  pass(20 * ms);
  receive(1001);
  receive(1001);
  EXPECT_EQ(samples.got, std::vector<std::string>{"ertt.rtt_us 20000000"});
}

TEST_F(module, an_end_older_than_the_helper_is_measured_from_its_next_segment_on) {
  init_end();
  send(1, 1000);
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  send(1001, 1000);
  pass(20 * ms);
  receive(2001);
  const khelp_ertt* e = values();
  ASSERT_NE(e, nullptr);
  EXPECT_EQ(e->rtt, 21);
}

TEST_F(module, the_filter_is_a_parameter) {
  for (const char* filter : {"0", "1"}) {
    auto ertt = load_ertt(filter);
    ASSERT_TRUE(ertt) << ertt.error().detail;
    init_end();
    listener samples;
    end_.snd_una = 1;
    for (std::uint32_t seq = 1; seq < 8001; seq += 1000)
      send(seq, 1000);
    pass(20 * ms);
    receive(2001);
    receive(4001);
    receive(5001);  // of one segment, while acknowledgements seem delayed
    EXPECT_EQ(samples.got.size(), filter == std::string("0") ? 3u : 2u);
    khelp_destroy_osd(end_.osd);
  }
}

TEST_F(module, other_values_of_the_filter_refuse_the_load) {
  for (const char* filter : {"2", "", "yes", "00"}) {
    auto ertt = load_ertt(filter);
    ASSERT_FALSE(ertt) << filter;
    EXPECT_EQ(ertt.error().code, EINVAL) << filter;
  }
  EXPECT_EQ(khelp_get_id("ertt"), -1);
}

TEST_F(module, an_end_that_goes_gives_its_segment_records_back) {
  auto ertt = load_ertt();
  ASSERT_TRUE(ertt) << ertt.error().detail;
  init_end();
  send(1, 1000);
  send(1001, 1000);
  EXPECT_EQ(segment_records_out(), 4) << "two segments, each in both accounts";
  khelp_destroy_osd(end_.osd);
  EXPECT_EQ(segment_records_out(), 0);
}

TEST_F(module, unloading_with_segments_in_flight_leaves_nothing_behind) {
  {
    auto ertt = load_ertt();
    ASSERT_TRUE(ertt) << ertt.error().detail;
    init_end();
    send(1, 1000);
  }
  EXPECT_EQ(khelp_get_id("ertt"), -1);
  EXPECT_EQ(segment_records_out(), 0);
  send(1001, 1000);  // nobody listens
}

}  // namespace
