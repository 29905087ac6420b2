#include "app/report/csv_report.hpp"

#include <algorithm>
#include <gtest/gtest.h>

#include "app/report/numbered_text.hpp"

namespace khelp::app {
namespace {

const std::vector<helper_schema> schemas = {
    {"ertt", {{"samples", KHELP_FIELD_COUNT, true}, {"min_us", KHELP_FIELD_DURATION, true}}, false},
    {"own", {}, true}};

TEST(csvreport, the_header_names_every_column) {
  EXPECT_EQ(csv_header(schemas),
            "connection,instance,opened,src,dst,segments,bytes,retransmitted,copies,"
            "ertt.samples,ertt.min_us,own.raw\n");
}

TEST(csvreport, each_direction_is_a_row_and_absent_values_are_empty) {
  connection_report made;
  made.directions.resize(2);
  made.opened = true;
  made.directions[0] = {
      "a:1", "b:2", 3, 4, 1, 5, {helper_data{{7, 1500}, ""}, helper_data{{}, "ab"}}};
  made.directions[1] = {"b:2", "a:1", 2, 0, 0, 0, {helper_data{{0, {}}, ""}, std::nullopt}};
  std::string rows = csv_rows(made, schemas);
  std::replace(rows.begin(), rows.end(), number_goes_here, '9');
  EXPECT_EQ(rows,
            "9,0,true,a:1,b:2,3,4,1,5,7,1.500,ab\n"
            "9,0,true,b:2,a:1,2,0,0,0,0,,\n");
}

TEST(csvreport, rows_have_as_many_columns_as_the_header_without_any_data) {
  connection_report made;
  made.directions.resize(2);
  for (auto& direction : made.directions)
    direction.helpers = {std::nullopt, std::nullopt};
  const auto commas = [](const std::string& text) {
    return std::count(text.begin(), text.end(), ',');
  };
  EXPECT_EQ(commas(csv_rows(made, schemas)), 2 * commas(csv_header(schemas)));
}

TEST(csvreport, commas_quotes_and_newlines_are_quoted) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("a\"b\n"), "\"a\"\"b\n\"");
}

}  // namespace
}  // namespace khelp::app
