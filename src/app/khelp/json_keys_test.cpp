// The manual page names every member of the JSON that the program writes, and no other.
#include <array>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <variant>

#include "app/khelp/command_line.hpp"
#include "app/khelp/verbs.hpp"
#include "app/replay/capture_reader.hpp"
#include "app/report/report_writer.hpp"

namespace khelp::app {
namespace {

using keys = std::set<std::string>;

std::string contents_of(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

/// All keys, apart from the names of helpers and of their fields.
void collect(const nlohmann::json& value, keys& to) {
  if (!value.is_structured())
    return;
  for (const auto& [key, member] : value.items()) {
    if (value.is_object())
      to.insert(key);
    if (value.is_array() || key != "helpers" || member.is_array())
      collect(member, to);
    else if (member.contains("raw of anybody"))
      collect(member["raw of anybody"], to);
  }
}

/// The document of a replay in which everything there is happened.
std::string replay_document() {
  helper_schema raw;
  raw.name = "raw of anybody";
  raw.raw = true;
  const std::vector<helper_schema> schemas = {raw};

  connection_report connection;
  connection.directions.resize(1);
  connection.directions[0].helpers = {helper_data{{}, "00ff"}};

  replay_summary summary;
  summary.captures.emplace_back();
  summary.captures[0].not_followed = reasons_of({});
  summary.not_begun = {"second.pcap"};
  summary.helpers.emplace_back();
  summary.memory.emplace();
  summary.memory->zones.emplace_back();
  summary.memory->types.emplace_back();
  summary.instance_by = "vlan";

  const std::string file = testing::TempDir() + "json_keys_test";
  auto out = output::open(file);
  EXPECT_TRUE(out->begin());
  report_options options;
  options.form = report_form::json;
  auto writer = make_report_writer(options, schemas, {}, *out);
  std::string text;
  (*writer)->append_text(text, connection);
  (*writer)->add({text, 1, nullptr});
  EXPECT_TRUE((*writer)->finish(summary));
  return contents_of(file);
}

/// What `khelp check --json` prints of a file that is none.
std::string check_document() {
  constexpr std::array arguments = {"khelp", "check", "--json", "/dev/null/none.so"};
  command asked = read_command_line(arguments.size(), arguments.data(), all_verbs());
  testing::internal::CaptureStdout();
  std::get<std::unique_ptr<verb>>(asked)->run();
  return testing::internal::GetCapturedStdout();
}

/// What stands behind Li in the section on JSON.
keys documented() {
  std::istringstream page(contents_of(KHELP_SOURCE_DIR "/man/khelp.1"));
  keys all;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with(".Ss") || line.starts_with(".Sh"))
      inside = line == ".Ss JSON";
    std::istringstream words(line);
    std::string word;
    while (inside && words >> word) {
      if (word != "Li" && word != ".Li")
        continue;
      while (words >> word) {
        if (word.size() > 1)
          all.insert(word);
      }
    }
  }
  return all;
}

TEST(json, members_are_those_that_the_manual_page_names) {
  keys written;
  collect(nlohmann::json::parse(replay_document()), written);
  collect(nlohmann::json::parse(check_document()), written);
  EXPECT_EQ(written, documented());
}

}  // namespace
}  // namespace khelp::app
