#include "app/report/not_followed_text.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

/// What a capture may hold that is not followed, and how often it did.
reason_counts frames(std::uint64_t cut, std::uint64_t link_type = 0) {
  return {{"cut", "cut before the end of their headers", cut},
          {"link_type", "of an unknown link type", link_type}};
}

TEST(notfollowed, counts_are_said_by_reason_and_absent_reasons_are_not_named) {
  EXPECT_EQ(not_followed_text({}), "");
  EXPECT_EQ(not_followed_text(frames(0)), "");
  reason_counts counts;
  add_reasons(counts, frames(1));
  EXPECT_EQ(not_followed_text(counts), "1 frame cut before the end of their headers");
  add_reasons(counts, frames(0, 1200));
  EXPECT_EQ(not_followed_text(counts),
            "1 frame cut before the end of their headers, 1,200 of an unknown link type");
  EXPECT_EQ(all_of(counts), 1201u);
}

TEST(notfollowed, a_few_among_segments_are_counted_only_and_more_are_told) {
  capture_report capture;
  capture.tcp_segments = 100;
  EXPECT_FALSE(many_not_followed(capture));
  capture.not_followed = frames(8, 8);
  EXPECT_FALSE(many_not_followed(capture));
  capture.not_followed = frames(8, 9);
  EXPECT_TRUE(many_not_followed(capture));
}

TEST(notfollowed, a_single_one_is_told_where_no_segment_was_found) {
  capture_report capture;
  capture.not_followed = frames(0);
  EXPECT_FALSE(many_not_followed(capture));
  capture.not_followed = frames(1);
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

}  // namespace
}  // namespace khelp::app
