#include "app/report/report_writer.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace khelp::app {
namespace {

const std::vector<helper_schema> no_helpers;

connection_report from(const std::string& src, std::uint64_t bytes) {
  connection_report made;
  made.directions.resize(2);
  made.directions[0].src = src;
  made.directions[0].bytes = bytes;
  made.directions[1].dst = src;
  return made;
}

void add(report_writer& writer, std::uint64_t number, const connection_report& one) {
  std::string text;
  writer.append_text(text, one);
  const closed_connection whole{one, direction_curves(2)};
  writer.add({text, number, &whole});
}

/// What a writer of this form prints for three connections.
std::string written(const report_options& asked) {
  const std::string file = testing::TempDir() + "report_writer_test";
  auto out = output::open(file);
  EXPECT_TRUE(out->begin());
  auto writer = make_report_writer(asked, no_helpers, {}, *out);
  add(**writer, 2, from("a", 5));
  add(**writer, 1, from("b", 50));
  add(**writer, 3, from("c", 0));
  EXPECT_TRUE((*writer)->finish({}));
  std::ifstream in(file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(reportwriter, json_lists_connections_in_closing_order) {
  report_options asked;
  asked.form = report_form::json;
  const auto document = nlohmann::json::parse(written(asked));
  ASSERT_EQ(document["connections"].size(), 3u);
  EXPECT_EQ(document["connections"][0]["connection"], 2);
  EXPECT_EQ(document["connections"][0]["directions"][0]["src"], "a");
  EXPECT_EQ(document["connections"][2]["directions"][0]["src"], "c");
}

TEST(reportwriter, csv_has_two_rows_per_connection_in_closing_order) {
  report_options asked;
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
  report_options asked;
  asked.form = report_form::csv;
  auto writer = make_report_writer(asked, no_helpers, {}, *full);
  for (int i = 0; i < 10'000 && !(*writer)->failed(); ++i)
    add(**writer, 1, from("a", 1));
  EXPECT_TRUE((*writer)->failed());
  EXPECT_FALSE((*writer)->finish({}));
}

}  // namespace
}  // namespace khelp::app
