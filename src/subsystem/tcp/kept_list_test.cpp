#include "subsystem/tcp/kept_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace khelp::tcp {
namespace {

using testing::ElementsAre;

TEST(kept_list, holds_what_was_added_since_it_was_cleared) {
  kept_list<int> list;
  list.reserve(2);
  for (const int value : {1, 2, 3})
    list.add() = value;
  EXPECT_THAT(list, ElementsAre(1, 2, 3));
  list.remove_last();
  EXPECT_EQ(list.back(), 2);
  list.clear();
  EXPECT_EQ(list.size(), 0u);
  list.add() = 4;
  EXPECT_THAT(list, ElementsAre(4));
}

TEST(kept_list, an_added_element_is_as_it_was_left) {
  kept_list<std::vector<int>> list;
  list.add().assign(100, 1);
  const int* memory = list[0].data();
  list.clear();
  EXPECT_EQ(list.add().data(), memory);
}

}  // namespace
}  // namespace khelp::tcp
