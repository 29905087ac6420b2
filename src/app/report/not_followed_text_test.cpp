#include "app/report/not_followed_text.hpp"

#include <gtest/gtest.h>
#include <set>
#include <string>

namespace khelp::app {
namespace {

using tcp::not_followed;

tcp::not_followed_counts frames(not_followed why, int count) {
  tcp::not_followed_counts counts;
  while (count-- > 0)
    counts.add(why);
  return counts;
}

TEST(notfollowed, counts_are_said_by_reason_and_absent_reasons_are_not_named) {
  EXPECT_EQ(not_followed_text({}), "");
  tcp::not_followed_counts counts = frames(not_followed::cut, 1);
  EXPECT_EQ(not_followed_text(counts), "1 frame cut before the end of their headers");
  counts += frames(not_followed::link_type, 1200);
  EXPECT_EQ(not_followed_text(counts),
            "1 frame cut before the end of their headers, 1,200 of an unknown link type");
  EXPECT_EQ(counts.all(), 1201u);
}

TEST(notfollowed, a_few_among_segments_are_counted_only_and_more_are_told) {
  capture_report capture;
  capture.tcp_segments = 100;
  EXPECT_FALSE(many_not_followed(capture));
  capture.not_followed = frames(not_followed::llc, 8);
  EXPECT_FALSE(many_not_followed(capture));
  capture.not_followed += frames(not_followed::llc, 1);
  EXPECT_TRUE(many_not_followed(capture));
}

TEST(notfollowed, a_single_one_is_told_where_no_segment_was_found) {
  capture_report capture;
  capture.not_followed = frames(not_followed::ppp, 1);
  EXPECT_TRUE(many_not_followed(capture));
}

TEST(notfollowed, packets_without_a_time_are_told_as_those_that_were_not_followed) {
  EXPECT_EQ(without_time_text(1), "1 packet without a time: nothing is measured with it");
  EXPECT_EQ(without_time_text(1200), "1,200 packets without a time: nothing is measured with them");
  capture_report capture;
  capture.packets = 100;
  EXPECT_FALSE(many_without_time(capture));
  capture.without_time = 8;
  EXPECT_FALSE(many_without_time(capture));
  capture.without_time = 9;
  EXPECT_TRUE(many_without_time(capture));
  capture.packets = capture.without_time = 1;
  EXPECT_TRUE(many_without_time(capture));
}

TEST(notfollowed, keys_are_in_the_order_that_json_lists_them_in) {
  std::string before;
  for (const auto& text : tcp::not_followed_texts) {
    EXPECT_LT(before, text.key);
    before = text.key;
  }
}

}  // namespace
}  // namespace khelp::app
