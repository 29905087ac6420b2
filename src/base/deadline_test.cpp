#include "base/deadline.hpp"

#include <cstdint>
#include <gtest/gtest.h>

namespace {

using khelp::deadline;

TEST(deadline, a_negative_wait_and_one_longer_than_the_clock_counts_never_end) {
  for (const std::int64_t timeout_ns : {std::int64_t{-1}, INT64_MIN, INT64_MAX}) {
    const deadline never(timeout_ns);
    EXPECT_FALSE(never.has_passed()) << timeout_ns;
    EXPECT_EQ(never.left_ns(), -1) << timeout_ns;
  }
}

TEST(deadline, no_time_at_all_has_passed_at_once) {
  const deadline now(0);
  EXPECT_TRUE(now.has_passed());
  EXPECT_EQ(now.left_ns(), 0);
}

TEST(deadline, a_long_wait_has_nearly_all_of_it_left) {
  constexpr std::int64_t hour = 3'600'000'000'000;
  const deadline later(hour);
  EXPECT_FALSE(later.has_passed());
  EXPECT_LE(later.left_ns(), hour);
  EXPECT_GT(later.left_ns(), hour / 2);
}

}  // namespace
