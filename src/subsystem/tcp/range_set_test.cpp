#include "subsystem/tcp/range_set.hpp"

#include <bitset>
#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace khelp::tcp {
namespace {

std::vector<std::pair<uint32_t, uint32_t>> contents(const range_set& set) {
  std::vector<std::pair<uint32_t, uint32_t>> found;
  for (size_t i = 0; i < set.size(); ++i)
    found.emplace_back(set[i].start, set[i].end);
  return found;
}

using pairs = std::vector<std::pair<uint32_t, uint32_t>>;

TEST(range_set, joins_what_touches_and_counts_what_is_new) {
  range_set set;
  EXPECT_EQ(set.add(10, 20), 10u);
  EXPECT_EQ(set.add(30, 40), 10u);
  EXPECT_EQ(set.add(20, 30), 10u);
  EXPECT_EQ(contents(set), (pairs{{10, 40}}));
  EXPECT_EQ(set.add(5, 45), 10u);
  EXPECT_EQ(set.add(5, 45), 0u);
  EXPECT_EQ(contents(set), (pairs{{5, 45}}));
}

TEST(range_set, takes_out_of_the_middle) {
  range_set set;
  set.add(0, 100);
  EXPECT_EQ(set.remove(40, 60), 20u);
  EXPECT_EQ(contents(set), (pairs{{0, 40}, {60, 100}}));
  EXPECT_EQ(set.remove(30, 70), 20u);
  EXPECT_EQ(set.overlap(0, 200), 60u);
  set.remove_before(80);
  EXPECT_EQ(contents(set), (pairs{{80, 100}}));
  set.remove_before(100);
  EXPECT_TRUE(set.empty());
}

TEST(range_set, works_across_the_end_of_the_circle) {
  range_set set;
  EXPECT_EQ(set.add(0xfffffff0u, 0x10u), 0x20u);
  EXPECT_EQ(set.overlap(0xfffffff8u, 0x8u), 0x10u);
  EXPECT_EQ(set.remove(0xfffffffeu, 0x2u), 4u);
  EXPECT_EQ(contents(set), (pairs{{0xfffffff0u, 0xfffffffeu}, {0x2u, 0x10u}}));
}

TEST(range_set, stays_small_whatever_is_added) {
  range_set set;
  for (uint32_t i = 0; i < 1000; ++i)
    set.add(i * 10, i * 10 + 5);
  EXPECT_EQ(set.size(), range_set::max_ranges);
  EXPECT_EQ(set[0].start, 0u) << "the lowest two become one";
  EXPECT_EQ(set.highest().end, 9995u);
}

TEST(range_set, agrees_with_a_set_of_single_numbers) {
  constexpr uint32_t base = 0xffffff80u;
  std::mt19937 random(7);
  range_set set;
  std::bitset<256> model;
  for (int batch = 0; batch < 20000; ++batch) {
    const uint32_t low = random() % 250;
    const uint32_t high = low + random() % (255 - low);
    uint32_t in = 0;
    for (uint32_t i = low; i < high; ++i)
      in += model[i];
    ASSERT_EQ(set.overlap(base + low, base + high), in);
    if (random() % 2 == 0) {
      ASSERT_EQ(set.add(base + low, base + high), high - low - in);
      for (uint32_t i = low; i < high; ++i)
        model.set(i);
    } else {
      ASSERT_EQ(set.remove(base + low, base + high), in);
      for (uint32_t i = low; i < high; ++i)
        model.reset(i);
    }
    ASSERT_EQ(set.overlap(base, base + 255), model.count());
  }
}

}  // namespace
}  // namespace khelp::tcp
