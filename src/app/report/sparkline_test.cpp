#include "app/report/sparkline.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

series stepping(std::initializer_list<std::int64_t> values) {
  series made(32);
  std::int64_t when = 0;
  for (std::int64_t value : values) {
    if (value >= 0)
      made.add(when, value);
    when += 1000;
  }
  return made;
}

TEST(sparkline, rises_from_the_lowest_to_the_highest_block) {
  EXPECT_EQ(sparkline(stepping({10, 20, 30, 40, 50, 60, 70, 80})), "▁▂▃▄▅▆▇█");
}

TEST(sparkline, a_constant_lies_in_the_middle) {
  EXPECT_EQ(sparkline(stepping({5, 5, 5})), "▄▄▄");
}

TEST(sparkline, silence_is_a_space) {
  EXPECT_EQ(sparkline(stepping({1, -1, 2})), "▁ █");
}

TEST(sparkline, nothing_measured_is_nothing_drawn) {
  EXPECT_EQ(sparkline(series(8)), "");
}

}  // namespace
}  // namespace khelp::app
