#include "app/khelp/verbs.hpp"

#include <algorithm>
#include <array>

namespace khelp::app {

// Each verb's file, verb_NAME.cpp, defines its own.
std::unique_ptr<verb> make_check_verb();
std::unique_ptr<verb> make_replay_verb();
std::unique_ptr<verb> make_version_verb();

namespace {

constexpr std::array table{
    verb_entry{"replay",
               "Run the packets of captures through loaded helpers and report what they measure",
               &make_replay_verb},
    verb_entry{"check",
               "Check helper files without running any of their code: all problems at once",
               &make_check_verb},
    verb_entry{"version", "Print the version of the program and of its module ABI",
               &make_version_verb},
};

}  // namespace

std::span<const verb_entry> all_verbs() {
  return table;
}

const verb_entry* find_verb(std::span<const verb_entry> verbs, std::string_view name) {
  const auto found = std::find_if(verbs.begin(), verbs.end(),
                                  [&](const verb_entry& each) { return each.name == name; });
  return found == verbs.end() ? nullptr : &*found;
}

}  // namespace khelp::app
