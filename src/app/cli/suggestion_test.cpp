#include "app/cli/suggestion.hpp"

#include <array>
#include <gtest/gtest.h>
#include <string>

namespace khelp::app {
namespace {

std::string_view near(std::string_view typed) {
  static constexpr std::array<std::string_view, 5> names = {"replay", "check", "version", "ps",
                                                            "ls"};
  return nearest(typed, names);
}

TEST(suggestion, is_the_name_that_was_mistyped) {
  EXPECT_EQ(near("repaly"), "replay");
  EXPECT_EQ(near("reply"), "replay");
  EXPECT_EQ(near("chekc"), "check");
  EXPECT_EQ(near("Check"), "check");
  EXPECT_EQ(near("versions"), "version");
  EXPECT_EQ(near("sp"), "ps");
}

TEST(suggestion, is_none_where_nothing_is_near) {
  EXPECT_EQ(near("dance"), "");
  EXPECT_EQ(near("xy"), "");
  EXPECT_EQ(near(""), "");
  EXPECT_EQ(near(std::string(100'000, 'r')), "");
}

}  // namespace
}  // namespace khelp::app
