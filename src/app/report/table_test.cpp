#include "app/report/table.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>

#include "app/cli/text_grid.hpp"

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
                    0,
                    {helper_data{{900, 20'100'000, {}}, ""}, helper_data{{}, "beef"}}};
  made.sparkline = "▁▄█";
  return made;
}

TEST(table, a_direction_is_one_line_under_its_headings) {
  EXPECT_EQ(
      directions_table({busy()}, {}, schemas, {}),
      "                                                              ertt\n"
      "SENDER         RECEIVER        SEGMENTS      DATA  RESENT      MIN  MARKED  RTT OVER TIME\n"
      "10.0.0.1:5201  10.0.0.2:40000     1,234  16.0 MiB       3  20.1 ms       -  ▁▄█\n"
      "    own: beef\n");
}

TEST(table, the_others_are_summed_in_the_last_line) {
  ranked_direction line = busy();
  line.sparkline.clear();
  const std::string text = directions_table({line}, {158, 2000, 5, 7}, {}, {});
  EXPECT_NE(text.find("others (158)                      2,000       5 B       7\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("RTT OVER TIME"), std::string::npos);
}

std::string in_width(std::size_t width) {
  return directions_table({busy()}, {158, 2000, 5, 7}, schemas, {false, width});
}

std::size_t widest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t most = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find(": ") == std::string::npos)  // sentences and raw bytes may take several lines
      most = std::max(most, characters(line));
  }
  return most;
}

TEST(table, where_there_is_room_everything_is_shown) {
  EXPECT_EQ(in_width(89), directions_table({busy()}, {158, 2000, 5, 7}, schemas, {}));
}

TEST(table, the_curves_go_first) {
  EXPECT_EQ(in_width(80),
            "                                                              ertt\n"
            "SENDER         RECEIVER        SEGMENTS      DATA  RESENT      MIN  MARKED\n"
            "10.0.0.1:5201  10.0.0.2:40000     1,234  16.0 MiB       3  20.1 ms       -\n"
            "    own: beef\n"
            "others (158)                      2,000       5 B       7\n"
            "no room for: RTT OVER TIME\n");
}

TEST(table, then_addresses_become_shorter) {
  EXPECT_EQ(in_width(71),
            "                                                           ertt\n"
            "SENDER        RECEIVER      SEGMENTS      DATA  RESENT      MIN  MARKED\n"
            "10.0.…1:5201  10.0.…:40000     1,234  16.0 MiB       3  20.1 ms       -\n"
            "    own: beef\n"
            "others (158)                   2,000       5 B       7\n"
            "no room for: RTT OVER TIME\n");
}

TEST(table, no_line_is_ever_wider_than_the_terminal) {
  for (std::size_t width = 1; width < 100; ++width)
    EXPECT_LE(widest_line(in_width(width)), width);
  EXPECT_EQ(in_width(20),
            "SENDER\n"
            "10.0.…1:5201\n"
            "    own: beef\n"
            "others (158)\n"
            "no room for: RECEIVER, SEGMENTS, DATA, RESENT, MIN, MARKED, RTT OVER TIME\n");
}

TEST(table, nothing_to_show_is_said_in_words) {
  EXPECT_EQ(directions_table({}, {}, schemas, {}), "No direction carried data.\n");
}

TEST(table, escape_sequences_appear_only_with_colour) {
  EXPECT_EQ(directions_table({busy()}, {}, schemas, {}).find('\x1b'), std::string::npos);
  EXPECT_NE(directions_table({busy()}, {}, schemas, {true, {}}).find("\x1b["), std::string::npos);
}

snapshot::helper_info helper(const char* name, std::uint32_t version, std::uint64_t attached,
                             std::uint64_t calls, const snapshot::skip_counts& skipped) {
  snapshot::helper_info made;
  made.name = name;
  made.version = version;
  made.attached_total = attached;
  made.calls = calls;
  made.skipped = skipped;
  return made;
}

TEST(table, totals_add_the_captures_up_and_tell_what_helpers_did) {
  replay_summary summary;
  summary.captures = {{"a", "", 1000, 900, 1, {}, {}, ""}, {"b", "", 500, 400, 0, {}, {}, ""}};
  summary.connections = 1;
  summary.directions_with_data = 2;
  summary.helpers = {helper("ertt", 2, 4, 1300, {5, 0, 1, 0}), helper("count", 1, 1, 1, {})};
  EXPECT_EQ(totals_text(summary),
            "2 captures: 1,500 packets, 1,300 TCP segments, 1 malformed\n"
            "1 connection, 2 directions with data\n"
            "helpers:\n"
            "  ertt (version 2): attached to 4 ends, called 1,300 times; "
            "skipped: 5 no-data, 1 suspended\n"
            "  count (version 1): attached to 1 end, called 1 time; nothing skipped\n");
}

TEST(table, totals_say_how_many_segments_were_captured_again) {
  replay_summary summary;
  summary.captures = {{"a", "", 30, 30, 0, {}, {}, ""}};
  summary.copies = 15;
  EXPECT_THAT(totals_text(summary),
              testing::HasSubstr(" malformed\ncaptured again: 15 segments\n0 con"));
}

TEST(table, totals_say_how_many_packets_were_fragments) {
  replay_summary summary;
  summary.captures = {{"a", "", 30, 10, 0, {}, {}, ""}, {"b", "", 2, 1, 0, {}, {}, ""}};
  summary.captures[0].fragments = 24;
  EXPECT_THAT(totals_text(summary), testing::HasSubstr(" malformed\nfragments: 24 packets\n0 con"));
}

TEST(table, totals_say_what_was_not_followed) {
  replay_summary summary;
  summary.captures = {{"a", "", 3, 1, 0, {}, {}, ""}, {"b", "", 2, 1, 0, {}, {}, ""}};
  const auto frames = [](std::uint64_t cut, std::uint64_t llc) {
    return reason_counts{{"cut", "cut before the end of their headers", cut},
                         {"llc", "of IEEE 802.2 without an EtherType", llc}};
  };
  summary.captures[0].not_followed = frames(1, 1);
  summary.captures[1].not_followed = frames(0, 1);
  summary.captures[1].without_time = 2;
  EXPECT_EQ(totals_text(summary),
            "2 captures: 5 packets, 2 TCP segments, 0 malformed\n"
            "not followed: 1 frame cut before the end of their headers, "
            "2 of IEEE 802.2 without an EtherType\n"
            "2 packets without a time: nothing is measured with them\n"
            "0 connections, 0 directions with data\n");
}

TEST(table, what_was_interrupted_says_that_it_is_partial) {
  replay_summary summary;
  summary.captures = {{"a", "", 3, 2, 0, {}, {}, ""}, {"b", "", 1, 1, 0, {}, {}, "interrupted"}};
  summary.interrupted = true;
  const std::string totals =
      "2 captures: 4 packets, 3 TCP segments, 0 malformed\n"
      "0 connections, 0 directions with data\n";
  EXPECT_EQ(totals_text(summary), "partial: interrupted in b\n" + totals);
  summary.not_begun = {"c"};
  EXPECT_EQ(totals_text(summary), "partial: interrupted in b; 1 capture not begun\n" + totals);
}

}  // namespace
}  // namespace khelp::app
