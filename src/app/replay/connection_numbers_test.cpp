#include "app/replay/connection_numbers.hpp"

#include <gtest/gtest.h>
#include <map>
#include <random>

namespace khelp::app {
namespace {

TEST(connection_numbers, keep_every_connection_that_was_added_and_not_removed) {
  connection_numbers numbers;
  std::map<std::uint64_t, std::uint64_t> expected;
  std::mt19937_64 random(7);
  std::uint64_t packet = 0;
  for (std::uint64_t number = 1; number <= 20'000; ++number) {
    packet += 1 + random() % 3000;
    numbers.add(packet, number);
    expected.emplace(packet, number);
    while (random() % 8 < 3 && !expected.empty()) {
      auto gone = expected.lower_bound(random() % packet);
      if (gone == expected.end())
        gone = expected.begin();
      EXPECT_EQ(numbers.of(gone->first), gone->second);
      numbers.remove(gone->first);
      expected.erase(gone);
    }
  }
  EXPECT_GT(expected.size(), 4000u);
  EXPECT_EQ(numbers.size(), expected.size());
  for (const auto& [began, number] : expected)
    EXPECT_EQ(numbers.of(began), number);
}

TEST(connection_numbers, of_a_flood_that_lies_in_one_row_go_from_either_end) {
  connection_numbers numbers;
  constexpr std::uint64_t many = 20'000;
  for (std::uint64_t packet = 1; packet <= many; ++packet)
    numbers.add(packet, packet * 2);
  for (std::uint64_t packet = 1; packet <= many / 4; ++packet) {
    numbers.remove(packet);
    numbers.remove(many + 1 - packet);
  }
  EXPECT_EQ(numbers.size(), many / 2);
  for (std::uint64_t packet = many / 4 + 1; packet <= many - many / 4; ++packet)
    ASSERT_EQ(numbers.of(packet), packet * 2);
}

}  // namespace
}  // namespace khelp::app
