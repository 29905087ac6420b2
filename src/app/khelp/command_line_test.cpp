#include "app/khelp/command_line.hpp"

#include <CLI/CLI.hpp>
#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <initializer_list>
#include <string>
#include <vector>

namespace khelp::app {
namespace {

using testing::HasSubstr;

/// A verb that answers with the number that it is given.
class answering final : public verb {
 public:
  void add_options(CLI::App& command) override {
    command.add_option("--with", answer_, "Answer with N")->type_name("N");
    command.footer("Examples:\n  khelp answer --with 7");
  }
  int run() override { return answer_; }

 private:
  int answer_ = 42;
};

std::unique_ptr<verb> make_answering() {
  return std::make_unique<answering>();
}

/// Is never asked for: that it has options costs nobody anything.
std::unique_ptr<verb> make_unused() {
  ADD_FAILURE() << "a verb is made that is not asked for";
  return make_answering();
}

constexpr std::array table = {
    verb_entry{"answer", "Answer with a number", &make_answering},
    verb_entry{"sleep", "Do nothing for a while", &make_unused},
};

command read(std::initializer_list<const char*> arguments,
             std::span<const verb_entry> verbs = table) {
  std::vector<const char*> argv = {"khelp"};
  argv.insert(argv.end(), arguments);
  return read_command_line(static_cast<int>(argv.size()), argv.data(), verbs);
}

std::string help_of(std::initializer_list<const char*> arguments) {
  const command asked = read(arguments);
  const auto* usage = std::get_if<usage_text>(&asked);
  return usage != nullptr && !usage->is_error ? usage->text : "no help";
}

std::string mistake_of(std::initializer_list<const char*> arguments) {
  const command asked = read(arguments);
  const auto* usage = std::get_if<usage_text>(&asked);
  return usage != nullptr && usage->is_error ? usage->text : "none";
}

TEST(commandline, the_verb_that_is_named_reads_its_options_and_runs) {
  EXPECT_EQ(std::get<std::unique_ptr<verb>>(read({"answer"}))->run(), 42);
  EXPECT_EQ(std::get<std::unique_ptr<verb>>(read({"answer", "--with", "7"}))->run(), 7);
}

TEST(commandline, help_lists_the_table) {
  const std::string help = help_of({"--help"});
  for (const verb_entry& each : table) {
    EXPECT_THAT(help, HasSubstr(each.name));
    EXPECT_THAT(help, HasSubstr(each.summary));
  }
  EXPECT_EQ(help_of({"help"}), help);
  EXPECT_EQ(help_of({"help", "help"}), help);
}

TEST(commandline, help_of_a_verb_has_its_options_then_its_footer_then_the_exit_status) {
  const std::string help = help_of({"answer", "--help"});
  EXPECT_LT(help.find("--with N"), help.find("khelp answer --with 7"));
  EXPECT_LT(help.find("khelp answer --with 7"), help.find("Exit status"));
  EXPECT_EQ(help_of({"help", "answer"}), help);
}

TEST(commandline, a_mistake_names_the_verb_whose_help_tells_more) {
  EXPECT_THAT(mistake_of({}), HasSubstr("\nTry 'khelp --help'."));
  EXPECT_THAT(mistake_of({"answer", "--nonsense"}), HasSubstr("--nonsense"));
  EXPECT_THAT(mistake_of({"answer", "--nonsense"}), HasSubstr("\nTry 'khelp answer --help'."));
  EXPECT_THAT(mistake_of({"answer", "--with", "much"}), HasSubstr("\nTry 'khelp answer --help'."));
}

TEST(commandline, what_is_no_command_is_named_and_what_may_be_meant) {
  const auto first_line = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  EXPECT_EQ(first_line(mistake_of({"dance"})), "there is no command 'dance'");
  EXPECT_EQ(first_line(mistake_of({"help", "dance"})), "there is no command 'dance'");
  EXPECT_EQ(first_line(mistake_of({"anwser"})),
            "there is no command 'anwser'; did you mean 'answer'?");
  EXPECT_EQ(first_line(mistake_of({"hlep"})), "there is no command 'hlep'; did you mean 'help'?");
  EXPECT_EQ(first_line(mistake_of({""})), "there is no command ''");
  EXPECT_EQ(first_line(mistake_of({"-v"})), "there is no option '-v'");
  EXPECT_EQ(first_line(mistake_of({"--json", "answer"})), "there is no option '--json'");
}

TEST(commandline, the_version_is_asked_for_in_both_ways) {
  for (const char* way : {"version", "--version"}) {
    const command asked = read({way}, all_verbs());
    EXPECT_TRUE(std::holds_alternative<std::unique_ptr<verb>>(asked)) << way;
  }
}

}  // namespace
}  // namespace khelp::app
