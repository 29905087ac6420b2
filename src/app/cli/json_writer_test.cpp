#include "app/cli/json_writer.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace khelp::app {
namespace {

TEST(jsonwriter, nested_arrays_and_objects_parse_as_what_was_written) {
  std::string out;
  json_writer json(out);
  json.begin_object();
  json.key("list");
  json.begin_array();
  json.number(1);
  json.begin_object();
  json.end_object();
  json.begin_array();
  json.end_array();
  json.boolean(true);
  json.null();
  json.end_array();
  json.key("name");
  json.text("x");
  json.end_object();
  EXPECT_EQ(nlohmann::json::parse(out),
            nlohmann::json::parse(R"({"list": [1, {}, [], true, null], "name": "x"})"));
}

TEST(jsonwriter, decimals_come_out_digit_for_digit) {
  std::string out;
  json_writer json(out);
  json.begin_array();
  json.decimal(10'000'000, 3);
  json.decimal(-1, 3);
  json.end_array();
  EXPECT_EQ(out, "[10000.000, -0.001]");
}

TEST(jsonwriter, numbers_keep_all_64_bits) {
  std::string out;
  json_writer json(out);
  json.begin_array();
  json.number(UINT64_MAX);
  json.signed_number(INT64_MIN);
  json.end_array();
  EXPECT_EQ(out, "[18446744073709551615, -9223372036854775808]");
}

TEST(jsonwriter, strings_are_escaped_and_broken_utf8_is_replaced) {
  std::string out;
  json_writer json(out);
  json.text("a\"b\\\n\xff");
  EXPECT_EQ(nlohmann::json::parse(out).get<std::string>(), "a\"b\\\n\xef\xbf\xbd");
}

TEST(jsonwriter, members_are_written_with_their_keys) {
  std::string out;
  json_writer json(out);
  json.begin_object();
  json.boolean("b", true);
  json.number("n", 7);
  json.text("t", "x");
  json.text_or_null("there", "y");
  json.text_or_null("nothing", "");
  json.texts("list", {"1", "2"});
  json.texts("none", {});
  json.end_object();
  EXPECT_EQ(out,
            R"({"b": true, "n": 7, "t": "x", "there": "y", "nothing": null, "list": ["1", "2"], )"
            R"("none": []})");
}

}  // namespace
}  // namespace khelp::app
