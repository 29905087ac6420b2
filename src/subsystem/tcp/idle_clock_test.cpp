#include "subsystem/tcp/idle_clock.hpp"

#include <gtest/gtest.h>

namespace khelp::tcp {
namespace {

constexpr int64_t second = 1'000'000'000;

TEST(idle_clock, goes_on_with_capture_time_wherever_that_begins) {
  idle_clock clock;
  const int64_t begin = clock.advance(1'000'000 * second);
  EXPECT_EQ(clock.advance(1'000'005 * second), begin + 5 * second);
}

TEST(idle_clock, a_stray_time_stamp_counts_as_a_minute) {
  idle_clock clock;
  const int64_t begin = clock.advance(1000 * second);
  EXPECT_EQ(clock.advance(1'000'000'000 * second), begin + 60 * second);
  EXPECT_EQ(clock.advance(1001 * second), begin + 60 * second);
}

TEST(idle_clock, goes_on_where_time_ran_backwards) {
  idle_clock clock;
  const int64_t begin = clock.advance(1'000'000 * second);
  EXPECT_EQ(clock.advance(0), begin);
  EXPECT_EQ(clock.advance(7 * second), begin + 7 * second);
}

}  // namespace
}  // namespace khelp::tcp
