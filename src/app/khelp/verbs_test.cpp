#include "app/khelp/verbs.hpp"

#include <CLI/CLI.hpp>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace khelp::app {
namespace {

using names = std::set<std::string>;

std::string contents_of(const std::string& file) {
  std::ifstream in(std::string(KHELP_SOURCE_DIR) + "/" + file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

/// What stands between the heading and the next one that begins as `next` says. "": no such heading.
std::string section(const std::string& page, const std::string& heading, const std::regex& next) {
  const std::size_t begin = page.find("\n" + heading + "\n");
  if (begin == std::string::npos)
    return "";
  const std::string rest = page.substr(begin + heading.size() + 2);
  std::smatch end;
  return std::regex_search(rest, end, next)
             ? rest.substr(0, static_cast<std::size_t>(end.position()))
             : rest;
}

names found(const std::string& text, const std::regex& option) {
  names all;
  for (std::sregex_iterator at(text.begin(), text.end(), option), end; at != end; ++at)
    all.insert((*at)[1]);
  return all;
}

names options_of(const verb_entry& entry) {
  CLI::App command;
  command.set_help_flag();
  const std::unique_ptr<verb> made = entry.make();
  made->add_options(command);
  names all;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames())
      all.insert(name);
  }
  return all;
}

TEST(verbs, have_names_of_their_own_and_a_summary_in_one_line) {
  names seen;
  for (const verb_entry& each : all_verbs()) {
    EXPECT_TRUE(seen.insert(each.name).second) << each.name;
    const std::string summary = each.summary;
    EXPECT_FALSE(summary.empty() || summary.ends_with('.')) << each.name;
    EXPECT_EQ(summary.find('\n'), std::string::npos) << each.name;
    EXPECT_EQ(find_verb(all_verbs(), each.name), &each);
  }
  EXPECT_EQ(find_verb(all_verbs(), "dance"), nullptr);
}

TEST(verbs, have_a_section_with_all_of_their_options_in_the_manual_page) {
  const std::string page = contents_of("man/khelp.1");
  const std::regex next("\n\\.S[sh] ");
  for (const verb_entry& each : all_verbs()) {
    const std::string own = section(page, std::string(".Ss ") + each.name, next);
    EXPECT_NE(own, "") << each.name;
    EXPECT_EQ(found(own, std::regex("\n\\.It Fl -([a-z-]+)")), options_of(each)) << each.name;
    EXPECT_NE(page.find(std::string("\n.Nm\n.Cm ") + each.name + "\n"), std::string::npos)
        << each.name << " is not in the synopsis";
  }
}

TEST(verbs, have_a_section_in_the_programs_document_which_names_their_options) {
  const std::string page = contents_of("docs/khelp.md");
  for (const verb_entry& each : all_verbs()) {
    const std::string own = section(page, std::string("## ") + each.name, std::regex("\n## "));
    EXPECT_NE(own, "") << each.name;
    const names told = found(own, std::regex("`--([a-z-]+)"));
    for (const std::string& option : options_of(each))
      EXPECT_TRUE(told.contains(option)) << each.name << " --" << option;
    EXPECT_NE(page.find(std::string("\n    khelp ") + each.name), std::string::npos)
        << each.name << " is not in the synopsis";
  }
}

}  // namespace
}  // namespace khelp::app
