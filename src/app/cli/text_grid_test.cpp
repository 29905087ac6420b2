#include "app/cli/text_grid.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

TEST(textgrid, columns_are_as_wide_as_their_widest_cell) {
  text_grid grid({align::left, align::right});
  grid.row({{"name"}, {"n"}});
  grid.row({{"x"}, {"1000"}});
  EXPECT_EQ(grid.render(false), "name     n\nx     1000\n");
}

TEST(textgrid, characters_are_counted_not_bytes) {
  text_grid grid({align::left, align::left});
  grid.row({{"▁▂"}, {"a"}});
  grid.row({{"xy"}, {"b"}});
  EXPECT_EQ(grid.render(false), "▁▂  a\nxy  b\n");
}

TEST(textgrid, no_line_ends_in_spaces) {
  text_grid grid({align::left, align::left, align::right});
  grid.row({{"aaaa"}, {"bbbb"}, {"c"}});
  grid.row({{"a"}, {""}, {""}});
  grid.row({{"a"}});
  EXPECT_EQ(grid.render(false), "aaaa  bbbb  c\na\na\n");
}

TEST(textgrid, styles_appear_only_with_colour_and_do_not_widen) {
  text_grid grid({align::left, align::left});
  grid.row({{"a", fmt::emphasis::bold}, {"b"}});
  EXPECT_EQ(grid.render(false), "a  b\n");
  EXPECT_EQ(grid.render(true), "\x1b[1ma\x1b[0m  b\n");
}

TEST(textgrid, a_narrowed_column_keeps_beginnings_and_ends) {
  text_grid grid({align::left, align::left});
  grid.row({{"192.0.2.1:40000"}, {"a"}});
  grid.row({{"short"}, {"b"}});
  EXPECT_EQ(grid.width(), 18u);
  grid.narrow(0, 12);
  EXPECT_EQ(grid.width(0), 12u);
  EXPECT_EQ(grid.width(), 15u);
  EXPECT_EQ(grid.render(false), "192.0…:40000  a\nshort         b\n");
  grid.narrow(0, 1);
  EXPECT_EQ(grid.render(false), "…  a\n…  b\n");
}

TEST(textgrid, a_dropped_column_takes_only_its_own_words_along) {
  text_grid grid({align::left, align::left});
  grid.row({{"a"}, {"b"}});
  grid.row({{"c"}});
  grid.row({{""}, {"d"}});
  grid.drop_last();
  EXPECT_EQ(grid.render(false), "a\nc\n");
}

TEST(textgrid, a_line_across_widens_no_column) {
  text_grid grid({align::left, align::left});
  grid.row({{"a"}, {"b"}});
  grid.line("    a very long line");
  EXPECT_EQ(grid.render(false), "a  b\n    a very long line\n");
}

TEST(textgrid, titled_columns_begin_with_their_titles) {
  text_grid grid({{"NAME", align::left}, {"USED"}});
  grid.row({{"a"}, {"1,000"}});
  EXPECT_EQ(grid.render(false), "NAME   USED\na     1,000\n");
  EXPECT_NE(grid.render(true).find("\x1b[1mNAME"), std::string::npos);
}

}  // namespace
}  // namespace khelp::app
