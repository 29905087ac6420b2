#include "app/report/numbered_text.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace khelp::app {
namespace {

using namespace std::string_view_literals;

std::string written(std::string_view text, std::uint64_t number) {
  const std::string file = testing::TempDir() + "numbered_text_test";
  auto out = output::open(file);
  EXPECT_TRUE(out->begin());
  write_numbered(*out, text, number);
  EXPECT_TRUE(out->flush());
  std::ifstream in(file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(numbered_text, the_number_stands_in_each_of_its_places) {
  EXPECT_EQ(written("\0,a\n\0,b\n"sv, 12), "12,a\n12,b\n");
}

TEST(numbered_text, text_without_a_place_stays_as_it_is) {
  EXPECT_EQ(written("plain", 12), "plain");
  EXPECT_EQ(written("", 12), "");
}

}  // namespace
}  // namespace khelp::app
