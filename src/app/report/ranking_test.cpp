#include "app/report/ranking.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

direction_report sent(const std::string& src, std::uint64_t bytes, std::uint64_t segments = 1) {
  direction_report made;
  made.src = src;
  made.bytes = bytes;
  made.segments = segments;
  made.retransmitted = 1;
  return made;
}

std::string order(ranking& from) {
  std::string names;
  for (const auto& line : from.take())
    names += line.direction.src;
  return names;
}

TEST(ranking, the_busiest_stay_and_come_out_first) {
  ranking top(3);
  for (const auto& [name, bytes] : {std::pair{"a", 5}, {"b", 50}, {"c", 1}, {"d", 20}, {"e", 7}})
    top.add(sent(name, bytes), "");
  EXPECT_EQ(order(top), "bde");
}

TEST(ranking, what_is_pushed_out_or_never_kept_is_summed_as_others) {
  ranking top(1);
  top.add(sent("a", 5, 2), "");
  top.add(sent("b", 50, 3), "");
  top.add(sent("c", 1, 4), "");
  EXPECT_EQ(order(top), "b");
  EXPECT_EQ(top.others().directions, 2u);
  EXPECT_EQ(top.others().bytes, 6u);
  EXPECT_EQ(top.others().segments, 6u);
  EXPECT_EQ(top.others().retransmitted, 2u);
}

TEST(ranking, equals_are_decided_by_segments_and_then_by_who_came_first) {
  ranking top(2);
  top.add(sent("a", 5, 1), "");
  top.add(sent("b", 5, 1), "");
  top.add(sent("c", 5, 9), "");
  EXPECT_EQ(order(top), "ca");
}

TEST(ranking, no_places_keeps_nobody_and_counts_everybody) {
  ranking top(0);
  EXPECT_FALSE(top.would_keep(sent("a", 5)));
  top.add(sent("a", 5), "");
  EXPECT_EQ(order(top), "");
  EXPECT_EQ(top.others().directions, 1u);
}

}  // namespace
}  // namespace khelp::app
