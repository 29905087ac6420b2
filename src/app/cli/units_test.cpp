#include "app/cli/units.hpp"

#include <cstdint>
#include <gtest/gtest.h>

namespace khelp::app {
namespace {

TEST(units, decimals_are_exact_and_keep_their_zeros) {
  EXPECT_EQ(fixed_decimal(10'000'000, 3), "10000.000");
  EXPECT_EQ(fixed_decimal(1, 3), "0.001");
  EXPECT_EQ(fixed_decimal(1'465'998'571'123'456'789, 9), "1465998571.123456789");
  EXPECT_EQ(fixed_decimal(0, 3), "0.000");
}

TEST(units, negative_decimals_keep_their_sign_below_one) {
  EXPECT_EQ(fixed_decimal(-1, 3), "-0.001");
  EXPECT_EQ(fixed_decimal(-1500, 3), "-1.500");
  EXPECT_EQ(fixed_decimal(INT64_MIN, 3), "-9223372036854775.808");
}

TEST(units, durations_change_unit_where_three_digits_would_overflow) {
  EXPECT_EQ(readable_duration(0), "0 ns");
  EXPECT_EQ(readable_duration(999), "999 ns");
  EXPECT_EQ(readable_duration(1500), "1.50 us");
  EXPECT_EQ(readable_duration(999'400), "999 us");
  EXPECT_EQ(readable_duration(999'600), "1.00 ms");
  EXPECT_EQ(readable_duration(20'123'000), "20.1 ms");
  EXPECT_EQ(readable_duration(561'000'000), "561 ms");
  EXPECT_EQ(readable_duration(1'250'000'000), "1.25 s");
  EXPECT_EQ(readable_duration(-1'250'000'000), "-1.25 s");
}

TEST(units, bytes_are_shown_in_powers_of_1024) {
  EXPECT_EQ(readable_bytes(0), "0 B");
  EXPECT_EQ(readable_bytes(1023), "1023 B");
  EXPECT_EQ(readable_bytes(1024), "1.00 KiB");
  EXPECT_EQ(readable_bytes(16u << 20), "16.0 MiB");
  EXPECT_EQ(readable_bytes(UINT64_MAX), "16.0 EiB");
}

TEST(units, counts_are_grouped_by_three) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace khelp::app
