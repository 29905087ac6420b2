#include "subsystem/tcp/decode/not_followed.hpp"

#include <gtest/gtest.h>
#include <string>

namespace khelp::tcp {
namespace {

TEST(not_followed, keys_are_in_the_order_that_json_lists_them_in) {
  std::string before;
  for (const auto& text : not_followed_texts) {
    EXPECT_LT(before, text.key);
    before = text.key;
  }
}

}  // namespace
}  // namespace khelp::tcp
