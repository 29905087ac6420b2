#include "app/replay/measurements.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <string>

#include <khelp/clock.h>
#include <khelp/tcp.h>

#include "app/report/numbered_text.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::app {
namespace {

/// A connection as the TCP subsystem keeps it.
struct connection {
  tcp::flow flow;
  khelp_tcpcb* const ends[2] = {&flow.ends[0].block, &flow.ends[1].block};

  connection(std::uint64_t number, std::uint8_t host) {
    flow.began_at = number;
    for (int i = 0; i < 2; ++i) {
      khelp_inpcb& who = flow.ends[static_cast<std::size_t>(i)].who;
      who.inp_vflag = KHELP_INP_IPV4;
      const std::uint8_t mine[4] = {10, 0, 0, static_cast<std::uint8_t>(host + i)};
      const std::uint8_t theirs[4] = {10, 0, 0, static_cast<std::uint8_t>(host + 1 - i)};
      std::copy_n(mine, 4, who.inp_laddr);
      std::copy_n(theirs, 4, who.inp_faddr);
      who.inp_lport = htons(static_cast<std::uint16_t>(80 + i));
      who.inp_fport = htons(static_cast<std::uint16_t>(81 - i));
      ends[i]->t_inpcb = &who;
      ends[i]->osd = &ends[i]->t_osd;
      ends[i]->t_peer = ends[1 - i];
    }
  }
};

/// Lines of samples; "#" and what the connection's first packet was for its number.
class samples {
 public:
  ~samples() { khelp_clock_reset(); }

  measurements::sample_listener listener() {
    return [this](const tcp::flow& of, const std::string& line) {
      const std::size_t at = line.find(number_goes_here);
      lines += line.substr(0, at) + "#" + std::to_string(of.began_at) + line.substr(at + 1);
    };
  }

  std::string lines;
};

TEST(measurements, each_sample_is_a_line_with_capture_time_and_both_ends) {
  samples seen;
  connection one(1, 1);
  measurements listening(seen.listener(), curves::small);
  listening.listen();
  khelp_clock_set(1'500'000'001);
  khelp_sample("ertt", "rtt_us", one.ends[0]->osd, 20'123'456);
  khelp_sample("other", "window", one.ends[1]->osd, -5);
  EXPECT_EQ(seen.lines,
            "1.500000001,#1,10.0.0.1:80,10.0.0.2:81,ertt,rtt_us,20123.456\n"
            "1.500000001,#1,10.0.0.2:81,10.0.0.1:80,other,window,-5\n");
}

TEST(measurements, a_sample_is_that_of_its_ends_connection) {
  samples seen;
  connection one(7, 1);
  connection two(4, 3);
  connection with_itself(9, 5);
  with_itself.ends[0]->t_peer = with_itself.ends[0];
  measurements listening(seen.listener(), curves::small);
  listening.listen();
  khelp_sample("h", "f", one.ends[1]->osd, 0);
  khelp_sample("h", "f", two.ends[0]->osd, 0);
  khelp_sample("h", "f", one.ends[0]->osd, 0);
  khelp_sample("h", "f", two.ends[1]->osd, 0);
  khelp_sample("h", "f", with_itself.ends[0]->osd, 0);
  for (const char* names : {",#7,10.0.0.2:81", ",#7,10.0.0.1:80", ",#4,10.0.0.3:80",
                            ",#4,10.0.0.4:81", ",#9,10.0.0.5:80"})
    EXPECT_NE(seen.lines.find(names), std::string::npos) << names;
}

TEST(measurements, only_round_trip_times_become_curves) {
  connection one(1, 1);
  measurements listening(nullptr, curves::small_and_large);
  listening.listen();
  khelp_sample("h", "window", one.ends[0]->osd, 7);
  khelp_sample("h", "rtt_us", one.ends[1]->osd, 9);
  EXPECT_FALSE(listening.take(one.ends[0]->osd));
  const auto curves = listening.take(one.ends[1]->osd);
  ASSERT_TRUE(curves);
  EXPECT_EQ(curves->small.count(), 1u);
  EXPECT_EQ(curves->large.count(), 1u);
}

TEST(measurements, without_a_plot_its_curve_takes_no_memory) {
  connection one(1, 1);
  measurements listening(nullptr, curves::small);
  listening.listen();
  khelp_sample("h", "rtt_us", one.ends[0]->osd, 9);
  EXPECT_TRUE(listening.take(one.ends[0]->osd)->large.empty());
}

TEST(measurements, nothing_is_kept_where_nothing_is_wanted) {
  connection one(1, 1);
  measurements listening(nullptr, curves::none);
  listening.listen();
  khelp_sample("h", "rtt_us", one.ends[0]->osd, 9);
  EXPECT_FALSE(listening.take(one.ends[0]->osd));
}

TEST(measurements, what_is_taken_is_forgotten) {
  connection one(1, 1);
  measurements listening(nullptr, curves::small);
  listening.listen();
  khelp_sample("h", "rtt_us", one.ends[0]->osd, 9);
  EXPECT_TRUE(listening.take(one.ends[0]->osd));
  EXPECT_FALSE(listening.take(one.ends[0]->osd));
}

TEST(measurements, nobody_listens_afterwards) {
  {
    measurements listening(nullptr, curves::small);
    listening.listen();
  }
  EXPECT_EQ(khelp_sample_set_sink(nullptr), nullptr);
}

}  // namespace
}  // namespace khelp::app
