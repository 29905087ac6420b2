#include "app/replay/connection_report.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace khelp::app {
namespace {

std::vector<std::optional<helper_data>> nothing(const tcp::end&) {
  return {};
}

void name(tcp::end& end, std::uint8_t host, std::uint8_t peer) {
  end.who.inp_vflag = KHELP_INP_IPV4;
  const std::uint8_t mine[4] = {192, 0, 2, host};
  const std::uint8_t theirs[4] = {192, 0, 2, peer};
  std::copy_n(mine, 4, end.who.inp_laddr);
  std::copy_n(theirs, 4, end.who.inp_faddr);
  end.who.inp_lport = htons(host);
  end.who.inp_fport = htons(peer);
}

TEST(connectionreport, each_direction_is_named_after_its_sender_with_what_that_sent) {
  tcp::flow flow;
  name(flow.ends[0], 1, 2);
  name(flow.ends[1], 2, 1);
  flow.ends[0].syn_seen = true;
  flow.ends[0].stats.segments = 9;
  flow.ends[0].stats.data_segments = 5;
  flow.ends[0].stats.bytes = 700;
  flow.ends[0].stats.retransmitted = 1;
  flow.ends[0].stats.copies = 2;
  const connection_report report = describe(flow, &nothing);
  EXPECT_TRUE(report.opened);
  ASSERT_EQ(report.directions.size(), 2u);
  EXPECT_EQ(report.directions[0].src, "192.0.2.1:1");
  EXPECT_EQ(report.directions[0].dst, "192.0.2.2:2");
  EXPECT_EQ(report.directions[0].segments, 5u);
  EXPECT_EQ(report.directions[0].bytes, 700u);
  EXPECT_EQ(report.directions[0].retransmitted, 1u);
  EXPECT_EQ(report.directions[0].copies, 2u);
  EXPECT_EQ(report.directions[1].src, "192.0.2.2:2");
  EXPECT_EQ(report.directions[1].bytes, 0u);
}

TEST(connectionreport, a_socket_that_talks_to_itself_is_one_direction) {
  tcp::flow flow;
  flow.with_itself = true;
  EXPECT_EQ(describe(flow, &nothing).directions.size(), 1u);
}

TEST(connectionreport, helpers_are_read_from_the_sending_end) {
  tcp::flow flow;
  const connection_report report = describe(flow, [&](const tcp::end& end) {
    const std::int64_t which = &end - flow.ends.data();
    return std::vector<std::optional<helper_data>>{helper_data{{which}, ""}};
  });
  EXPECT_EQ(report.directions[0].helpers[0]->values[0], 0);
  EXPECT_EQ(report.directions[1].helpers[0]->values[0], 1);
}

}  // namespace
}  // namespace khelp::app
