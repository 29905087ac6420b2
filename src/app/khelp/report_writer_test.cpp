#include "app/khelp/report_writer.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace khelp::app {
namespace {

const std::vector<helper_schema> no_helpers;

connection_report from(std::uint64_t number, const std::string& src, std::uint64_t bytes) {
  connection_report made;
  made.number = number;
  made.directions.resize(2);
  made.directions[0].src = src;
  made.directions[0].bytes = bytes;
  made.directions[1].dst = src;
  return made;
}

/// What a writer of this form prints for three connections.
std::string written(const replay_request& asked) {
  const std::string file = testing::TempDir() + "report_writer_test";
  auto out = output::open(file);
  EXPECT_TRUE(out->begin());
  auto writer = make_report_writer(asked, no_helpers, {}, *out);
  for (const connection_report& one : {from(2, "a", 5), from(1, "b", 50), from(3, "c", 0)})
    (*writer)->add(one, direction_curves(2));
  EXPECT_TRUE((*writer)->finish({}));
  std::ifstream in(file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(reportwriter, json_lists_connections_in_closing_order) {
  replay_request asked;
  asked.form = report_form::json;
  const auto document = nlohmann::json::parse(written(asked));
  ASSERT_EQ(document["connections"].size(), 3u);
  EXPECT_EQ(document["connections"][0]["directions"][0]["src"], "a");
  EXPECT_EQ(document["connections"][2]["directions"][0]["src"], "c");
}

TEST(reportwriter, csv_has_two_rows_per_connection_in_closing_order) {
  replay_request asked;
  asked.form = report_form::csv;
  std::istringstream lines(written(asked));
  std::string line;
  std::vector<std::string> begins;
  while (std::getline(lines, line))
    begins.push_back(line.substr(0, 2));
  EXPECT_EQ(begins, (std::vector<std::string>{"co", "2,", "2,", "1,", "1,", "3,", "3,"}));
}

TEST(reportwriter, the_table_shows_only_directions_with_data) {
  const std::string text = written({});
  EXPECT_LT(text.find("\nb "), text.find("\na "));
  EXPECT_EQ(text.find("\nc "), std::string::npos);
}

TEST(reportwriter, an_output_that_is_full_is_noticed_while_writing) {
  auto full = output::open("/dev/full");
  replay_request asked;
  asked.form = report_form::csv;
  auto writer = make_report_writer(asked, no_helpers, {}, *full);
  for (int i = 0; i < 10'000 && !(*writer)->failed(); ++i)
    (*writer)->add(from(1, "a", 1), direction_curves(2));
  EXPECT_TRUE((*writer)->failed());
  EXPECT_FALSE((*writer)->finish({}));
}

}  // namespace
}  // namespace khelp::app
