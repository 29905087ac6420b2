#include "app/report/axis.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

TEST(axis, marks_are_round_numbers_and_reach_the_greatest_value) {
  const time_axis axis = make_time_axis(87.3e6, 6);
  EXPECT_EQ(axis.unit, "ms");
  EXPECT_DOUBLE_EQ(axis.end, 100e6);
  ASSERT_EQ(axis.marks.size(), 6u);
  EXPECT_EQ(axis.marks[1].label, "20");
  EXPECT_EQ(axis.marks[5].label, "100");
}

TEST(axis, a_value_on_a_mark_is_the_end) {
  EXPECT_DOUBLE_EQ(make_time_axis(60e9, 6).end, 60e9);
  EXPECT_EQ(make_time_axis(60e9, 6).marks.back().label, "60");
}

TEST(axis, fractions_keep_their_digits) {
  const time_axis axis = make_time_axis(1.1e9, 6);
  EXPECT_EQ(axis.unit, "s");
  EXPECT_EQ(axis.marks[1].label, "0.2");
}

TEST(axis, nothing_measured_still_has_an_axis) {
  EXPECT_GE(make_time_axis(0, 6).marks.size(), 2u);
}

}  // namespace
}  // namespace khelp::app
