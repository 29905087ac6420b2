#include "core/objects/osd_slots.hpp"

#include <cstring>
#include <gtest/gtest.h>

#include "core/objects/osd_stripe.hpp"

namespace {

using namespace khelp;

bool all_zero(const khelp_osd& osd) {
  const khelp_osd zero{};
  return std::memcmp(&osd, &zero, sizeof zero) == 0;
}

int values[5000];

TEST(osd_slots, the_first_two_slots_of_a_khelp_object_are_inside_the_struct) {
  khelp_osd osd{};
  ASSERT_TRUE(osd_slots::reserve(osd, 1, true));
  EXPECT_EQ(osd.osd_slots, osd.osd_u.osd_inline);
  EXPECT_EQ(osd_slots::exchange(osd, 2, &values[2]), nullptr);
  EXPECT_EQ(osd_slots::get(osd, 2), &values[2]);
  osd_slots::free_arrays(osd);
  EXPECT_TRUE(all_zero(osd));
}

TEST(osd_slots, other_objects_keep_their_linkage) {
  khelp_osd osd{};
  osd.osd_u.osd_next.next = &osd;
  ASSERT_TRUE(osd_slots::reserve(osd, 1, false));
  osd_slots::exchange(osd, 1, &values[1]);
  EXPECT_EQ(osd.osd_u.osd_next.next, &osd);
  osd_slots::free_arrays(osd);
  EXPECT_EQ(osd.osd_u.osd_next.next, &osd);
  EXPECT_EQ(osd.osd_slots, nullptr);
}

TEST(osd_slots, values_survive_growth_from_inside_the_struct_and_beyond) {
  khelp_osd osd{};
  for (unsigned slot = 1; slot <= 100; ++slot) {
    ASSERT_TRUE(osd_slots::reserve(osd, slot, true));
    osd_slots::exchange(osd, slot, &values[slot]);
  }
  for (unsigned slot = 1; slot <= 100; ++slot)
    EXPECT_EQ(osd_slots::get(osd, slot), &values[slot]);
  osd_slots::free_arrays(osd);
  EXPECT_TRUE(all_zero(osd));
}

TEST(osd_slots, a_replaced_array_stays_readable_until_the_arrays_are_freed) {
  khelp_osd osd{};
  ASSERT_TRUE(osd_slots::reserve(osd, 3, true));
  osd_slots::exchange(osd, 3, &values[3]);
  void** seen_by_a_reader = osd.osd_slots;
  ASSERT_TRUE(osd_slots::reserve(osd, 1000, true));
  EXPECT_NE(osd.osd_slots, seen_by_a_reader);
  EXPECT_EQ(seen_by_a_reader[2], &values[3]);
  osd_slots::free_arrays(osd);
}

TEST(osd_slots, exchange_returns_the_value_before) {
  khelp_osd osd{};
  ASSERT_TRUE(osd_slots::reserve(osd, 7, false));
  EXPECT_EQ(osd_slots::exchange(osd, 7, &values[7]), nullptr);
  EXPECT_EQ(osd_slots::exchange(osd, 7, nullptr), &values[7]);
  EXPECT_EQ(osd_slots::get(osd, 7), nullptr);
  osd_slots::free_arrays(osd);
}

TEST(osd_slots, a_slot_without_room_reads_as_empty) {
  khelp_osd osd{};
  EXPECT_EQ(osd_slots::get(osd, 0), nullptr);
  EXPECT_EQ(osd_slots::get(osd, 1), nullptr);
  ASSERT_TRUE(osd_slots::reserve(osd, 1, true));
  EXPECT_EQ(osd_slots::get(osd, 0), nullptr);
  EXPECT_EQ(osd_slots::get(osd, 3), nullptr);
  osd_slots::free_arrays(osd);
}

TEST(osd_slots, an_array_that_is_another_objects_by_now_reads_as_empty) {
  khelp_osd osd{};
  ASSERT_TRUE(osd_slots::reserve(osd, 1, false));
  osd_slots::exchange(osd, 1, &values[1]);
  // What a reader sees that looked at the struct before its array was freed and handed out again.
  khelp_osd stale{};
  stale.osd_nslots = osd.osd_nslots;
  stale.osd_slots = osd.osd_slots;
  EXPECT_EQ(osd_slots::get_unprotected(osd, 1), &values[1]);
  EXPECT_EQ(osd_slots::get_unprotected(stale, 1), nullptr);
  osd_slots::free_arrays(osd);
}

TEST(osd_slots, slot_numbers_out_of_range_get_no_room) {
  khelp_osd osd{};
  EXPECT_FALSE(osd_slots::reserve(osd, 0, true));
  EXPECT_FALSE(osd_slots::reserve(osd, osd_slots::max_slots + 1, true));
  EXPECT_TRUE(all_zero(osd));
  ASSERT_TRUE(osd_slots::reserve(osd, osd_slots::max_slots, true));
  EXPECT_GE(osd.osd_nslots, osd_slots::max_slots);
  osd_slots::free_arrays(osd);
}

}  // namespace
