#include "app/report/json_report.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/report/numbered_text.hpp"

namespace khelp::app {
namespace {

using nlohmann::json;

const std::vector<helper_schema> schemas = {{"zeta", {}, true},
                                            {"ertt",
                                             {{"samples", KHELP_FIELD_COUNT, true},
                                              {"min_us", KHELP_FIELD_DURATION, true},
                                              {"ticks.rtt", KHELP_FIELD_NUMBER, false},
                                              {"delayed_ack", KHELP_FIELD_NUMBER, false},
                                              {"ticks.flags", KHELP_FIELD_FLAGS, false}},
                                             false}};

connection_report one_connection() {
  connection_report made;
  made.directions.resize(2);
  made.instance = 3;
  made.opened = true;
  direction_report& forth = made.directions[0];
  forth.src = "10.0.0.1:80";
  forth.dst = "[::1]:81";
  forth.segments = 4;
  forth.bytes = 5;
  forth.retransmitted = 1;
  forth.copies = 6;
  forth.helpers = {helper_data{{}, "00ff"}, helper_data{{2, 10'000'000, -7, {}, 5}, ""}};
  made.directions[1].helpers = {std::nullopt, std::nullopt};
  return made;
}

/// As it is written for connection 6.
std::string text() {
  std::string made;
  connection_json(schemas).append(made, one_connection());
  return made.replace(made.find(number_goes_here), 1, "6");
}

TEST(jsonreport, a_connection_has_the_documented_members) {
  const auto parsed = json::parse(text());
  EXPECT_EQ(parsed["connection"], 6);
  EXPECT_EQ(parsed["instance"], 3);
  EXPECT_EQ(parsed["opened"], true);
  const json& forth = parsed["directions"][0];
  EXPECT_EQ(forth["src"], "10.0.0.1:80");
  EXPECT_EQ(forth["dst"], "[::1]:81");
  EXPECT_EQ(forth["segments"], 4);
  EXPECT_EQ(forth["bytes"], 5);
  EXPECT_EQ(forth["retransmitted"], 1);
  EXPECT_EQ(forth["copies"], 6);
}

TEST(jsonreport, dotted_fields_are_groups_and_absent_values_null) {
  const auto parsed = json::parse(text());
  EXPECT_EQ(parsed["directions"][0]["helpers"]["ertt"],
            json::parse(R"({"samples": 2, "min_us": 10000.0, "delayed_ack": null,
                            "ticks": {"rtt": -7, "flags": 5}})"));
}

TEST(jsonreport, durations_have_three_digits_after_the_point) {
  EXPECT_NE(text().find("\"min_us\": 10000.000,"), std::string::npos);
}

TEST(jsonreport, raw_data_is_hexadecimal_and_a_helper_without_data_is_null) {
  const auto parsed = json::parse(text());
  EXPECT_EQ(parsed["directions"][0]["helpers"]["zeta"]["raw"], "00ff");
  EXPECT_TRUE(parsed["directions"][1]["helpers"]["ertt"].is_null());
}

TEST(jsonreport, the_document_holds_captures_connections_in_order_and_helpers) {
  replay_summary summary;
  summary.captures.push_back({"a.pcap", "EN10MB", 3, 2, 1, 1'500'000'000, {}, ""});
  summary.captures.push_back({"b.pcap", "", 0, 0, 0, {}, {}, "cut at 7"});
  summary.captures[0].not_followed = {{"cut", "", 0}, {"ethertype", "", 0}};
  summary.captures[1].not_followed = {{"cut", "", 0}, {"ethertype", "", 1}};
  summary.captures[1].fragments = 3;
  snapshot::helper_info ertt;
  ertt.name = "ertt";
  ertt.version = 2;
  ertt.attached_total = 4;
  ertt.calls = 9;
  ertt.skipped = {1};
  summary.helpers.push_back(ertt);
  summary.elapsed_us = 1'250'000;
  summary.not_begun = {"c.pcap", "d.pcap"};
  auto spill = output::temporary();
  ASSERT_TRUE(spill);
  spill->write("{\"n\": 1},\n{\"n\": 2}");
  const std::string file = testing::TempDir() + "json_report_test.json";
  auto out = output::open(file);
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->begin());
  ASSERT_TRUE(write_json_document(summary, *spill, *out));
  ASSERT_TRUE(out->flush());

  std::ifstream in(file);
  const json parsed = json::parse(in);
  EXPECT_EQ(parsed["schema"], 1);
  EXPECT_EQ(parsed["captures"][0]["first"], 1.5);
  EXPECT_TRUE(parsed["captures"][0]["last"].is_null());
  EXPECT_TRUE(parsed["captures"][0]["error"].is_null());
  EXPECT_EQ(parsed["captures"][1]["error"], "cut at 7");
  EXPECT_EQ(parsed["captures"][0]["fragments"], 0);
  EXPECT_EQ(parsed["captures"][1]["fragments"], 3);
  EXPECT_EQ(parsed["captures"][0]["not_followed"]["ethertype"], 0);
  EXPECT_EQ(parsed["captures"][1]["not_followed"]["ethertype"], 1);
  EXPECT_EQ(parsed["captures"][1]["not_followed"]["cut"], 0);
  EXPECT_EQ(parsed["captures"][0]["without_time"], 0);
  EXPECT_EQ(parsed["connections"], json::parse(R"([{"n": 1}, {"n": 2}])"));
  EXPECT_EQ(parsed["elapsed_s"], 1.25);
  EXPECT_EQ(parsed["not_begun"], json::parse(R"(["c.pcap", "d.pcap"])"));
  EXPECT_EQ(parsed["helpers"][0]["name"], "ertt");
  EXPECT_EQ(parsed["helpers"][0]["skipped"]["no-data"], 1);
}

TEST(jsonreport, a_replay_without_connections_is_a_document_too) {
  auto spill = output::temporary();
  ASSERT_TRUE(spill);
  const std::string file = testing::TempDir() + "json_report_test_empty.json";
  auto out = output::open(file);
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->begin());
  ASSERT_TRUE(write_json_document({}, *spill, *out));
  ASSERT_TRUE(out->flush());
  std::ifstream in(file);
  EXPECT_EQ(json::parse(in)["connections"], json::array());
}

}  // namespace
}  // namespace khelp::app
