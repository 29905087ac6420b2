#include "subsystem/tcp/timestamps.hpp"

#include <gtest/gtest.h>

namespace khelp::tcp {
namespace {

TEST(timestamps, stand_for_the_tick_of_the_first_segment_that_carried_them) {
  timestamp_map map;
  EXPECT_EQ(map.sent(1000, 5), 5u);
  EXPECT_EQ(map.sent(1000, 9), 5u) << "a coarse clock: the same value again";
  EXPECT_EQ(map.sent(1001, 12), 12u);
  EXPECT_EQ(map.echoed(1000), 5u);
  EXPECT_EQ(map.echoed(1001), 12u);
  EXPECT_EQ(map.echoed(1000), 5u) << "an echo does not use a value up";
}

TEST(timestamps, unknown_echoes_are_nothing) {
  timestamp_map map;
  EXPECT_EQ(map.echoed(0), std::nullopt);
  map.sent(1000, 5);
  EXPECT_EQ(map.echoed(999), std::nullopt);
  EXPECT_EQ(map.echoed(1001), std::nullopt);
}

TEST(timestamps, values_may_come_out_of_order) {
  timestamp_map map;
  for (uint32_t tsval : {10u, 40u, 30u, 20u, 30u})
    map.sent(tsval, tsval * 2);
  for (uint32_t tsval : {10u, 20u, 30u, 40u})
    EXPECT_EQ(map.echoed(tsval), tsval * 2) << tsval;
  EXPECT_EQ(map.sent(5, 99), 99u) << "older than all: its own tick";
  EXPECT_EQ(map.echoed(5), std::nullopt) << "and not kept";
}

TEST(timestamps, values_wrap) {
  timestamp_map map;
  for (uint32_t i = 0; i < 20; ++i)
    map.sent(0xfffffff6u + i, 100 + i);
  for (uint32_t i = 0; i < 20; ++i)
    EXPECT_EQ(map.echoed(0xfffffff6u + i), 100 + i) << i;
}

TEST(timestamps, a_value_in_flight_survives_until_its_echo) {
  timestamp_map map;
  for (uint32_t i = 0; i < timestamp_map::max_entries; ++i)
    map.sent(i, i + 7);
  for (uint32_t i = 0; i < timestamp_map::max_entries; ++i)
    ASSERT_EQ(map.echoed(i), i + 7);
}

TEST(timestamps, a_peer_that_never_echoes_costs_a_bounded_number_of_values) {
  timestamp_map map;
  for (uint32_t i = 0; i < 3 * timestamp_map::max_entries; ++i)
    map.sent(i, i);
  EXPECT_EQ(map.echoed(2 * timestamp_map::max_entries - 1), std::nullopt);
  EXPECT_EQ(map.echoed(2 * timestamp_map::max_entries), 2 * timestamp_map::max_entries);
}

TEST(timestamps, half_a_circle_apart_is_harmless) {
  timestamp_map map;
  for (uint32_t i = 0; i < 100; ++i)
    map.sent(i % 2 == 0 ? i : i + 0x80000000u, i);
  EXPECT_EQ(map.sent(0xdeadbeef, 1000), 1000u);
}

}  // namespace
}  // namespace khelp::tcp
