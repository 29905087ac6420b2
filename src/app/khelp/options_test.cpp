#include "app/khelp/options.hpp"

#include <gtest/gtest.h>
#include <utility>

namespace khelp::app {
namespace {

TEST(options, a_whole_number_has_digits_only_and_fits_into_64_bits) {
  for (const char* wrong : {"-1", "abc", "1.5", "7x", "", "+3"})
    EXPECT_EQ(check_whole_number(wrong),
              "'" + std::string(wrong) + "' is not a whole number from 0 up");
  EXPECT_EQ(check_whole_number("18446744073709551615"), "");
  EXPECT_NE(check_whole_number("18446744073709551616").find("too large"), std::string::npos);
}

TEST(options, a_colon_in_a_folder_belongs_to_the_path) {
  auto load = parse_load("/a:b/h.so:p=1");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->helper, "/a:b/h.so");
  ASSERT_EQ(load->parameters.size(), 1u);
  EXPECT_EQ(load->parameters[0].second, "1");
}

TEST(options, a_value_may_be_empty_and_may_hold_an_equals_sign) {
  auto load = parse_load("h:a=,b=c=d");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->parameters,
            (std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"b", "c=d"}}));
}

}  // namespace
}  // namespace khelp::app
