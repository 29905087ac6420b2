#include "app/khelp/command_line.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <string_view>
#include <vector>

#include "app/cli/exit_status.hpp"
#include "app/cli/suggestion.hpp"

namespace khelp::app {
namespace {

/// `khelp help VERB` is `khelp VERB --help`, `khelp --version` is `khelp version`.
std::vector<const char*> normalized(int argc, const char* const* argv) {
  std::vector<const char*> arguments(argv, argv + argc);
  if (arguments.size() < 2)
    return arguments;
  const std::string_view first = arguments[1];
  if (first == "help") {
    const bool of_help_itself = arguments.size() > 2 && std::string_view(arguments[2]) == "help";
    arguments.erase(arguments.begin() + 1, arguments.begin() + (of_help_itself ? 3 : 2));
    arguments.push_back("--help");
  } else if (first == "--version") {
    arguments[1] = "version";
  }
  return arguments;
}

/// "": the first argument is a verb, an option of the program, or missing.
std::string unknown_first(const CLI::App& program, const std::vector<const char*>& arguments,
                          std::span<const verb_entry> table) {
  if (arguments.size() < 2)
    return "";
  const std::string first = arguments[1];
  if (first.starts_with('-'))
    return program.get_option_no_throw(first) == nullptr
               ? fmt::format("there is no option '{}'", first)
               : "";
  if (find_verb(table, first) != nullptr)
    return "";
  std::vector<std::string_view> names = {"help"};
  for (const verb_entry& each : table)
    names.emplace_back(each.name);
  const std::string_view near = nearest(first, names);
  return fmt::format("there is no command '{}'{}", first,
                     near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

/// Exit codes are the same for all verbs.
void add_exit_status(CLI::App& command) {
  const std::string own = command.get_footer();
  command.footer(own.empty() ? exit_status_help : own + "\n\n" + exit_status_help);
}

usage_text error_of(const std::string& verb, const std::string& what) {
  return {fmt::format("{}\nTry 'khelp{}{} --help'.", what, verb.empty() ? "" : " ", verb), true};
}

}  // namespace

command read_command_line(int argc, const char* const* argv, std::span<const verb_entry> table) {
  const std::vector<const char*> arguments = normalized(argc, argv);
  CLI::App program("khelp: helpers that hook into a running subsystem, and what they measure",
                   "khelp");
  program.require_subcommand(1);
  program.set_version_flag("--version", "", "Print the version, as the command does");

  // All verbs are listed in help; only the one that is asked for declares its options.
  std::unique_ptr<verb> chosen;
  CLI::App* chosen_command = nullptr;
  for (const verb_entry& each : table) {
    CLI::App* added = program.add_subcommand(each.name, each.summary);
    if (arguments.size() < 2 || std::string_view(arguments[1]) != each.name)
      continue;
    chosen = each.make();
    chosen->add_options(*added);
    add_exit_status(*added);
    chosen_command = added;
  }
  if (const std::string unknown = unknown_first(program, arguments, table); !unknown.empty())
    return error_of("", unknown);

  const std::string name = chosen_command != nullptr ? chosen_command->get_name() : "";
  try {
    program.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::CallForHelp&) {
    return usage_text{chosen_command != nullptr ? chosen_command->help("khelp") : program.help()};
  } catch (const CLI::ParseError& wrong) {
    return error_of(name, wrong.what());
  }
  return chosen;
}

}  // namespace khelp::app
