#include "app/khelp/connection_numbers.hpp"

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

}  // namespace
}  // namespace khelp::app
