#include "app/report/series.hpp"

#include <gtest/gtest.h>
#include <numeric>

namespace khelp::app {
namespace {

TEST(series, the_slots_span_everything_and_never_exceed_the_capacity) {
  series rtt(16);
  for (std::int64_t second = 0; second < 10'000; ++second) {
    rtt.add(second * 1'000'000'000, second);
    ASSERT_LE(rtt.slots().size(), 16u);
  }
  std::uint64_t counted = 0;
  for (const auto& slot : rtt.slots())
    counted += slot.count;
  EXPECT_EQ(counted, 10'000u);
  EXPECT_GT(rtt.slots().size(), 8u);
}

TEST(series, a_single_spike_survives_any_amount_of_joining) {
  series rtt(8);
  rtt.add(0, 10);
  rtt.add(1000, 5'000'000);
  for (std::int64_t i = 2; i < 100'000; ++i)
    rtt.add(i * 1'000'000, 10);
  EXPECT_EQ(rtt.slots()[0].most, 5'000'000);
  EXPECT_EQ(rtt.slots()[0].least, 10);
}

TEST(series, a_stretch_without_measurements_is_an_empty_slot) {
  series rtt(4);
  rtt.add(0, 7);
  rtt.add(3000, 9);
  ASSERT_EQ(rtt.slots().size(), 4u);
  EXPECT_EQ(rtt.slots()[1].count, 0u);
  EXPECT_DOUBLE_EQ(rtt.slots()[3].mean(), 9);
}

TEST(series, time_before_the_first_measurement_counts_as_its_time) {
  series rtt(4);
  rtt.add(1'000'000, 5);
  rtt.add(0, 1);
  ASSERT_EQ(rtt.slots().size(), 1u);
  EXPECT_EQ(rtt.slots()[0].count, 2u);
  EXPECT_EQ(rtt.slots()[0].least, 1);
}

TEST(series, the_whole_range_of_time_fits) {
  series rtt(4);
  rtt.add(INT64_MIN, 1);
  rtt.add(INT64_MAX, 2);
  EXPECT_EQ(rtt.count(), 2u);
  EXPECT_LE(rtt.slots().size(), 4u);
}

}  // namespace
}  // namespace khelp::app
