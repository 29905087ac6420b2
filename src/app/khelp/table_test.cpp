#include "app/khelp/table.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

const std::vector<helper_schema> schemas = {{"ertt",
                                             {{"samples", KHELP_FIELD_COUNT, false},
                                              {"min_us", KHELP_FIELD_DURATION, true},
                                              {"marked_us", KHELP_FIELD_DURATION, true}},
                                             false},
                                            {"own", {}, true}};

ranked_direction busy() {
  ranked_direction made;
  made.direction = {"10.0.0.1:5201",
                    "10.0.0.2:40000",
                    1234,
                    16 << 20,
                    3,
                    {helper_data{{900, 20'100'000, {}}, ""}, helper_data{{}, "beef"}}};
  made.sparkline = "▁▄█";
  return made;
}

TEST(table, a_direction_is_one_line_under_its_headings) {
  EXPECT_EQ(
      directions_table({busy()}, {}, schemas, false),
      "                                                              ertt\n"
      "SENDER         RECEIVER        SEGMENTS      DATA  RESENT      MIN  MARKED  RTT OVER TIME\n"
      "10.0.0.1:5201  10.0.0.2:40000     1,234  16.0 MiB       3  20.1 ms       -  ▁▄█\n"
      "    own: beef\n");
}

TEST(table, the_others_are_summed_in_the_last_line) {
  ranked_direction line = busy();
  line.sparkline.clear();
  const std::string text = directions_table({line}, {158, 2000, 5, 7}, {}, false);
  EXPECT_NE(text.find("others (158)                      2,000       5 B       7\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("RTT OVER TIME"), std::string::npos);
}

TEST(table, nothing_to_show_is_said_in_words) {
  EXPECT_EQ(directions_table({}, {}, schemas, false), "No direction carried data.\n");
}

TEST(table, escape_sequences_appear_only_with_colour) {
  EXPECT_EQ(directions_table({busy()}, {}, schemas, false).find('\x1b'), std::string::npos);
  EXPECT_NE(directions_table({busy()}, {}, schemas, true).find("\x1b["), std::string::npos);
}

TEST(table, totals_add_the_captures_up_and_tell_what_helpers_did) {
  replay_summary summary;
  summary.captures = {{"a", "", 1000, 900, 1, {}, {}, ""}, {"b", "", 500, 400, 0, {}, {}, ""}};
  summary.connections = 1;
  summary.directions_with_data = 2;
  summary.helpers = {{"ertt", 2, 4, 1300, {5, 0, 1, 0}}, {"count", 1, 1, 1, {}}};
  EXPECT_EQ(totals_text(summary),
            "2 captures: 1,500 packets, 1,300 TCP segments, 1 malformed\n"
            "1 connection, 2 directions with data\n"
            "helpers:\n"
            "  ertt (version 2): attached to 4 ends, called 1,300 times; "
            "skipped: 5 no-data, 1 suspended\n"
            "  count (version 1): attached to 1 end, called 1 time; nothing skipped\n");
}

}  // namespace
}  // namespace khelp::app
