#include "app/report/plot.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

plot_line steady(const std::string& label, std::int64_t measurements) {
  series values(512);
  for (std::int64_t i = 0; i < measurements; ++i)
    values.add(i * 1'000'000, 20'000'000);
  return {label, std::move(values)};
}

TEST(plot, the_lines_with_the_most_measurements_are_drawn_and_the_rest_is_counted) {
  plot_selection selection;
  for (int i = 1; i <= 20; ++i)
    selection.add(steady("line " + std::to_string(i), i));
  ASSERT_EQ(selection.lines().size(), plot_selection::most_lines);
  EXPECT_EQ(selection.lines().front().label, "line 20");
  EXPECT_EQ(selection.lines().back().label, "line 13");
  EXPECT_EQ(selection.left_out(), 12u);
  EXPECT_NE(plot_svg(selection).find("12 more"), std::string::npos);
}

TEST(plot, a_direction_without_measurements_takes_no_colour) {
  plot_selection selection;
  selection.add({"silent", series(512)});
  EXPECT_TRUE(selection.lines().empty());
  EXPECT_NE(plot_svg(selection).find("Nothing was measured."), std::string::npos);
}

TEST(plot, equal_ends_in_two_instances_are_told_apart) {
  direction_report direction;
  direction.src = "10.0.0.1:1";
  direction.dst = "10.0.0.2:80";
  EXPECT_EQ(plot_label(direction, "none", 0), "10.0.0.1:1 to 10.0.0.2:80");
  EXPECT_EQ(plot_label(direction, "vlan", 7), "VLAN 7, 10.0.0.1:1 to 10.0.0.2:80");
  EXPECT_EQ(plot_label(direction, "file", 2), "file 2, 10.0.0.1:1 to 10.0.0.2:80");
}

TEST(plot, labels_cannot_break_the_document) {
  plot_selection selection;
  selection.add(steady("<a&b>", 3));
  const std::string svg = plot_svg(selection);
  EXPECT_NE(svg.find("&lt;a&amp;b&gt;"), std::string::npos);
  EXPECT_EQ(svg.find("<a&b>"), std::string::npos);
}

TEST(plot, its_size_does_not_grow_with_the_number_of_measurements) {
  plot_selection few;
  few.add(steady("x", 2'000));
  plot_selection many;
  many.add(steady("x", 200'000));
  EXPECT_LT(plot_svg(many).size(), 2 * plot_svg(few).size());
}

TEST(plot, a_spike_reaches_the_top_of_the_axis) {
  plot_selection selection;
  plot_line line = steady("x", 100'000);
  line.values.add(50'000'000'000, 1'000'000'000);
  selection.add(std::move(line));
  const std::string svg = plot_svg(selection);
  EXPECT_NE(svg.find("RTT [s]"), std::string::npos);
  EXPECT_NE(svg.find("V56.0"), std::string::npos) << "no bar ends at the top of the frame";
}

}  // namespace
}  // namespace khelp::app
