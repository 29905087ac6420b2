#include "app/khelp/arguments.hpp"

#include <gtest/gtest.h>
#include <initializer_list>

namespace khelp::app {
namespace {

request parse(std::initializer_list<const char*> words) {
  std::vector<const char*> argv = {"khelp"};
  argv.insert(argv.end(), words);
  return parse_arguments(static_cast<int>(argv.size()), argv.data());
}

TEST(arguments, a_count_is_a_whole_number_and_other_words_are_named) {
  for (const char* option : {"--top", "--unload-after"}) {
    for (const char* wrong : {"-1", "abc", "1.5", "7x", "", "+3"}) {
      const request asked = parse({"replay", option, wrong, "a.pcap"});
      ASSERT_TRUE(std::holds_alternative<nothing_to_do>(asked)) << option << " " << wrong;
      const auto& said = std::get<nothing_to_do>(asked);
      EXPECT_TRUE(said.mistake);
      EXPECT_EQ(said.words, std::string(option) + ": '" + wrong +
                                "' is not a whole number from 0 up\nTry 'khelp replay --help'.");
    }
    const request asked = parse({"replay", option, "18446744073709551616", "a.pcap"});
    ASSERT_TRUE(std::holds_alternative<nothing_to_do>(asked));
    EXPECT_NE(std::get<nothing_to_do>(asked).words.find("too large"), std::string::npos);
  }
  const request most = parse({"replay", "--top", "18446744073709551615", "a.pcap"});
  EXPECT_EQ(std::get<replay_request>(most).report.top, UINT64_MAX);
}

TEST(arguments, a_replay_with_every_option_is_understood) {
  const request asked = parse({"replay",
                               "--load",
                               "ertt:delack_filter=0,x=a/b",
                               "--load",
                               "./h_own.so",
                               "--json",
                               "--samples",
                               "s.csv",
                               "--plot",
                               "p.svg",
                               "--explain",
                               "--raw",
                               "--unload-after",
                               "100",
                               "--debug",
                               "--module-path",
                               "/a:/b",
                               "--top",
                               "5",
                               "one.pcap",
                               "-"});
  ASSERT_TRUE(std::holds_alternative<replay_request>(asked));
  const auto& replay = std::get<replay_request>(asked);
  ASSERT_EQ(replay.helpers.loads.size(), 2u);
  EXPECT_EQ(replay.helpers.loads[0].helper, "ertt");
  EXPECT_EQ(replay.helpers.loads[0].parameters, (std::vector<std::pair<std::string, std::string>>{
                                                    {"delack_filter", "0"}, {"x", "a/b"}}));
  EXPECT_EQ(replay.helpers.loads[1].helper, "./h_own.so");
  EXPECT_EQ(replay.report.form, report_form::json);
  EXPECT_EQ(replay.samples_file, "s.csv");
  EXPECT_EQ(replay.plot_file, "p.svg");
  EXPECT_EQ(replay.helpers.module_path, "/a:/b");
  EXPECT_EQ(replay.unload_after, 100u);
  EXPECT_EQ(replay.report.top, 5u);
  EXPECT_TRUE(replay.explain && replay.helpers.raw && replay.helpers.debug);
  EXPECT_EQ(replay.captures, (std::vector<std::string>{"one.pcap", "-"}));
}

TEST(arguments, a_capture_after_load_is_not_taken_for_a_second_helper) {
  const request asked = parse({"replay", "--load", "ertt", "one.pcap"});
  ASSERT_TRUE(std::holds_alternative<replay_request>(asked));
  EXPECT_EQ(std::get<replay_request>(asked).captures, (std::vector<std::string>{"one.pcap"}));
}

TEST(arguments, mistakes_are_told_and_help_is_named) {
  for (const auto& words : {std::initializer_list<const char*>{},
                            {"replay"},
                            {"replay", "--json", "--csv", "x"},
                            {"replay", "--nonsense", "x"},
                            {"replay", "--jobs", "0", "x"},
                            {"replay", "--jobs", "-1", "x"},
                            {"replay", "--jobs", "abc", "x"},
                            {"replay", "--jobs", "257", "x"},
                            {"replay", "--jobs", "99999999999999999999", "x"},
                            {"replay", "--unload-after", "-1", "x"},
                            {"replay", "--unload-after", "many", "x"},
                            {"replay", "--load", ":a=1", "x"},
                            {"replay", "--load", "ertt:delack_filter", "x"},
                            {"check"},
                            {"dance"}}) {
    const request asked = parse(words);
    ASSERT_TRUE(std::holds_alternative<nothing_to_do>(asked));
    EXPECT_TRUE(std::get<nothing_to_do>(asked).mistake);
    EXPECT_NE(std::get<nothing_to_do>(asked).words.find("--help"), std::string::npos);
  }
}

std::string mistake_of(std::initializer_list<const char*> words) {
  const request asked = parse(words);
  const auto* said = std::get_if<nothing_to_do>(&asked);
  return said != nullptr && said->mistake ? said->words.substr(0, said->words.find('\n')) : "none";
}

TEST(arguments, what_is_no_command_is_named) {
  EXPECT_EQ(mistake_of({"dance"}), "there is no command 'dance'");
  EXPECT_EQ(mistake_of({"help", "dance"}), "there is no command 'dance'");
  EXPECT_EQ(mistake_of({""}), "there is no command ''");
  EXPECT_EQ(mistake_of({"-v"}), "there is no option '-v'");
  EXPECT_EQ(mistake_of({"--json", "replay", "a.pcap"}), "there is no option '--json'");
}

TEST(arguments, a_file_to_write_has_a_name) {
  EXPECT_EQ(mistake_of({"replay", "--samples", "", "a.pcap"}), "--samples: a file needs a name");
  EXPECT_EQ(mistake_of({"replay", "--plot", "", "a.pcap"}), "--plot: a file needs a name");
}

TEST(arguments, instances_are_by_vlan_by_file_or_none) {
  EXPECT_EQ(mistake_of({"replay", "--instance-by", "day", "a.pcap"}),
            "--instance-by: 'day' is none of vlan, file and none");
  EXPECT_EQ(mistake_of({"replay", "--instance-by", "file", "a.pcap"}), "none");
}

TEST(arguments, help_and_version_are_understood_in_both_ways) {
  EXPECT_TRUE(std::holds_alternative<version_request>(parse({"version"})));
  EXPECT_TRUE(std::holds_alternative<version_request>(parse({"--version"})));
  const auto help = [](std::initializer_list<const char*> words) {
    return std::get<nothing_to_do>(parse(words)).words;
  };
  EXPECT_EQ(help({"help"}), help({"--help"}));
  EXPECT_EQ(help({"help", "replay"}), help({"replay", "--help"}));
  EXPECT_NE(help({"help"}), help({"help", "replay"}));
}

TEST(arguments, help_is_no_mistake_and_tells_the_exit_status) {
  const request asked = parse({"replay", "--help"});
  ASSERT_TRUE(std::holds_alternative<nothing_to_do>(asked));
  EXPECT_FALSE(std::get<nothing_to_do>(asked).mistake);
  EXPECT_NE(std::get<nothing_to_do>(asked).words.find("Exit status"), std::string::npos);
}

TEST(arguments, a_colon_in_a_folder_belongs_to_the_path) {
  auto load = parse_load("/a:b/h.so:p=1");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->helper, "/a:b/h.so");
  ASSERT_EQ(load->parameters.size(), 1u);
  EXPECT_EQ(load->parameters[0].second, "1");
}

TEST(arguments, a_value_may_be_empty_and_may_hold_an_equals_sign) {
  auto load = parse_load("h:a=,b=c=d");
  ASSERT_TRUE(load);
  EXPECT_EQ(load->parameters,
            (std::vector<std::pair<std::string, std::string>>{{"a", ""}, {"b", "c=d"}}));
}

}  // namespace
}  // namespace khelp::app
