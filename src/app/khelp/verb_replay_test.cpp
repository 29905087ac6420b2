#include "app/khelp/verb_replay.hpp"

#include <gtest/gtest.h>
#include <initializer_list>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "app/khelp/command_line.hpp"

namespace khelp::app {
namespace {

command read(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"khelp", "replay"};
  argv.insert(argv.end(), arguments);
  return read_command_line(static_cast<int>(argv.size()), argv.data(), all_verbs());
}

/// What replay is asked for.
replay_request asked_by(std::initializer_list<const char*> arguments) {
  command read_one = read(arguments);
  if (auto* chosen = std::get_if<std::unique_ptr<verb>>(&read_one))
    return dynamic_cast<replay_verb&>(**chosen).asked();
  ADD_FAILURE() << std::get<usage_text>(read_one).text;
  return {};
}

/// The first line of what is said of a mistake.
std::string mistake_of(std::initializer_list<const char*> arguments) {
  const command read_one = read(arguments);
  const auto* usage = std::get_if<usage_text>(&read_one);
  return usage != nullptr && usage->is_error ? usage->text.substr(0, usage->text.find('\n'))
                                             : "none";
}

TEST(verb_replay, a_count_is_a_whole_number_and_other_text_is_named) {
  for (const char* option : {"--top", "--unload-after"}) {
    for (const char* wrong : {"-1", "abc", "1.5", "7x", "", "+3"})
      EXPECT_EQ(mistake_of({option, wrong, "a.pcap"}),
                std::string(option) + ": '" + wrong + "' is not a whole number from 0 up");
    EXPECT_NE(mistake_of({option, "18446744073709551616", "a.pcap"}).find("too large"),
              std::string::npos);
  }
  EXPECT_EQ(asked_by({"--top", "18446744073709551615", "a.pcap"}).report.top, UINT64_MAX);
}

TEST(verb_replay, every_option_is_understood) {
  const replay_request asked = asked_by({"--load",
                                         "ertt:delack_filter=0,x=a/b",
                                         "--load",
                                         "./h_own.so",
                                         "--json",
                                         "--samples",
                                         "s.csv",
                                         "--plot",
                                         "p.svg",
                                         "--explain",
                                         "--mem",
                                         "--raw",
                                         "--unload-after",
                                         "100",
                                         "--debug",
                                         "--module-path",
                                         "/a:/b",
                                         "--top",
                                         "5",
                                         "--jobs",
                                         "3",
                                         "--instance-by",
                                         "vlan",
                                         "--allow-library",
                                         "libz.so.1",
                                         "one.pcap",
                                         "-"});
  ASSERT_EQ(asked.helpers.loads.size(), 2u);
  EXPECT_EQ(asked.helpers.loads[0].helper, "ertt");
  EXPECT_EQ(asked.helpers.loads[0].parameters, (std::vector<std::pair<std::string, std::string>>{
                                                   {"delack_filter", "0"}, {"x", "a/b"}}));
  EXPECT_EQ(asked.helpers.loads[1].helper, "./h_own.so");
  EXPECT_EQ(asked.helpers.module_path, "/a:/b");
  EXPECT_EQ(asked.helpers.libraries, std::vector<std::string>{"libz.so.1"});
  EXPECT_TRUE(asked.helpers.raw && asked.helpers.debug && asked.explain && asked.mem);
  EXPECT_EQ(asked.report.form, report_form::json);
  EXPECT_EQ(asked.report.top, 5u);
  EXPECT_EQ(asked.report.instance_by, "vlan");
  EXPECT_EQ(asked.samples_file, "s.csv");
  EXPECT_EQ(asked.plot_file, "p.svg");
  EXPECT_EQ(asked.unload_after, 100u);
  EXPECT_EQ(asked.jobs, 3u);
  EXPECT_EQ(asked.captures, (std::vector<std::string>{"one.pcap", "-"}));
}

TEST(verb_replay, a_capture_after_load_is_not_taken_for_a_second_helper) {
  EXPECT_EQ(asked_by({"--load", "ertt", "one.pcap"}).captures,
            std::vector<std::string>{"one.pcap"});
}

TEST(verb_replay, the_report_has_one_form) {
  EXPECT_EQ(asked_by({"a.pcap"}).report.form, report_form::table);
  EXPECT_EQ(asked_by({"--csv", "a.pcap"}).report.form, report_form::csv);
  EXPECT_NE(mistake_of({"--json", "--csv", "a.pcap"}), "none");
}

TEST(verb_replay, jobs_are_1_to_256) {
  for (const char* wrong : {"0", "-1", "abc", "257", "99999999999999999999"})
    EXPECT_NE(mistake_of({"--jobs", wrong, "a.pcap"}), "none") << wrong;
}

TEST(verb_replay, a_helper_has_a_name_and_its_parameters_values) {
  EXPECT_EQ(mistake_of({"--load", ":a=1", "a.pcap"}), "--load :a=1: there is no helper's name");
  EXPECT_EQ(mistake_of({"--load", "ertt:delack_filter", "a.pcap"}),
            "--load ertt:delack_filter: 'delack_filter' is not of the form param=value");
}

TEST(verb_replay, a_file_to_write_has_a_name) {
  EXPECT_EQ(mistake_of({"--samples", "", "a.pcap"}), "--samples: a file needs a name");
  EXPECT_EQ(mistake_of({"--plot", "", "a.pcap"}), "--plot: a file needs a name");
}

TEST(verb_replay, instances_are_by_vlan_by_file_or_none) {
  EXPECT_EQ(mistake_of({"--instance-by", "day", "a.pcap"}),
            "--instance-by: 'day' is none of vlan, file and none");
  EXPECT_EQ(asked_by({"--instance-by", "file", "a.pcap"}).report.instance_by, "file");
}

}  // namespace
}  // namespace khelp::app
