#include "app/khelp/arguments.hpp"

#include <CLI/CLI.hpp>
#include <charconv>
#include <fmt/format.h>

namespace khelp::app {
namespace {

constexpr const char* exit_codes =
    "Exit status:\n"
    "  0  done\n"
    "  1  failed, or a capture is damaged (what was read before is reported)\n"
    "  2  usage: an option or a helper's parameter is wrong\n"
    "  3  a helper or a capture file failed its check\n"
    "  4  busy\n"
    "  5  not permitted\n"
    "  6  not found\n"
    "  7  timeout\n"
    "  8  partly done: some of several captures failed\n"
    "  130, 143  ended by Ctrl-C or SIGTERM; the results so far are reported\n";

constexpr const char* replay_examples =
    "Examples:\n"
    "  khelp replay --load ertt capture.pcap\n"
    "  khelp replay --load ertt:delack_filter=0 --json capture.pcap > rtt.json\n"
    "  tcpdump -w - tcp | khelp replay --load ertt --plot rtt.svg -\n\n";

// Checks of CLI11's: empty words are consent.

std::string file_name(const std::string& text) {
  return text.empty() ? "a file needs a name" : "";
}

std::string ground_for_instances(const std::string& text) {
  if (text == "vlan" || text == "file" || text == "none")
    return "";
  return fmt::format("'{}' is none of vlan, file and none", text);
}

std::string whole_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (stopped != end || error == std::errc::invalid_argument)
    return fmt::format("'{}' is not a whole number from 0 up", text);
  return error == std::errc() ? "" : fmt::format("{} is too large a number", text);
}

std::string number_of_jobs(const std::string& text) {
  constexpr std::uint64_t most = 256;
  if (std::string wrong = whole_number(text); !wrong.empty())
    return wrong;
  const std::uint64_t number = std::stoull(text);
  return number >= 1 && number <= most ? "" : fmt::format("{} is not from 1 to {}", text, most);
}

void add_allow_library(CLI::App& command, std::vector<std::string>& libraries) {
  command
      .add_option("--allow-library", libraries,
                  "Let helpers need this library (libz.so.1; libz.so.* for all that begin so). "
                  "Repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
}

void add_replay(CLI::App& program, replay_request& replay, std::vector<std::string>& loads,
                bool& json, bool& csv) {
  CLI::App* command = program.add_subcommand(
      "replay", "Run the packets of captures through loaded helpers and report what they measure");
  command->add_option("--load", loads, "Load a helper, by name or file; may be given several times")
      ->type_name("HELPER[:param=value,...]")
      ->allow_extra_args(false);
  CLI::Option* json_flag = command->add_flag("--json", json, "Report as one JSON document");
  command->add_flag("--csv", csv, "Report as CSV, one row per direction")->excludes(json_flag);
  command->add_option("--samples", replay.samples_file, "Write every single measurement, as CSV")
      ->check(&file_name)
      ->type_name("FILE.csv");
  command->add_option("--plot", replay.plot_file, "Draw RTT over time, per connection")
      ->check(&file_name)
      ->type_name("FILE.svg");
  command->add_flag("--explain", replay.explain,
                    "Print each point's hooks in running order, and why they stand so");
  command->add_flag("--mem", replay.mem,
                    "Show zones and types of memory as they are when the captures have been read");
  command->add_flag("--raw", replay.helpers.raw,
                    "Show the per-object data of FreeBSD-style helpers in hexadecimal");
  command
      ->add_option("--unload-after", replay.unload_after,
                   "Unload the helpers after N packets; the replay goes on without them")
      ->check(&whole_number)
      ->type_name("N");
  command
      ->add_option("--top", replay.report.top,
                   "Lines of the table; the other directions are summed")
      ->check(&whole_number)
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--jobs", replay.jobs,
                   "Work with N threads; the results are the same. Not given: as many as there are "
                   "processors, at most 4")
      ->check(&number_of_jobs)
      ->type_name("N");
  command
      ->add_option("--instance-by", replay.report.instance_by,
                   "An instance, with hook points of its own, per VLAN or file, or none")
      ->check(&ground_for_instances)
      ->type_name("vlan|file|none");
  command->add_flag("--debug", replay.helpers.debug,
                    "Map helpers from their own files, for debuggers and profilers");
  command
      ->add_option("--module-path", replay.helpers.module_path,
                   "Folders where helpers are searched first, ':' between them")
      ->type_name("DIR");
  add_allow_library(*command, replay.helpers.libraries);
  command
      ->add_option("CAPTURE", replay.captures, "Capture files (pcap, pcapng); - is standard input")
      ->type_name("")
      ->required();
  command->footer(std::string(replay_examples) + exit_codes);
}

void add_check(CLI::App& program, check_request& check) {
  CLI::App* command = program.add_subcommand(
      "check", "Check helper files without running any of their code: all problems at once");
  command->add_flag("--json", check.json, "Report as one JSON document");
  add_allow_library(*command, check.libraries);
  command->add_option("FILE", check.files, "Helper files (.so)")->type_name("")->required();
  command->footer(exit_codes);
}

std::string subcommand_name(const CLI::App& program) {
  const auto chosen = program.get_subcommands();
  return chosen.empty() ? "khelp" : "khelp " + chosen.front()->get_name();
}

/// `khelp help COMMAND` is `khelp COMMAND --help`.
std::vector<const char*> with_help_as_option(int argc, const char* const* argv) {
  std::vector<const char*> words(argv, argv + argc);
  if (words.size() > 1 && std::string_view(words[1]) == "help") {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  return words;
}

/// What stands where a command should, and is none; "": nothing.
std::string strange_first_word(const CLI::App& program, const std::vector<const char*>& words) {
  if (words.size() < 2)
    return "";
  const std::string first = words[1];
  if (first.starts_with('-'))
    return program.get_option_no_throw(first) == nullptr ? fmt::format("option '{}'", first) : "";
  for (const CLI::App* command : program.get_subcommands({})) {
    if (command->get_name() == first)
      return "";
  }
  return fmt::format("command '{}'", first);
}

nothing_to_do mistake(const CLI::App& program, const std::string& words) {
  return {fmt::format("{}\nTry '{} --help'.", words, subcommand_name(program)), true};
}

}  // namespace

result<load_request> parse_load(const std::string& text) {
  // Parameters begin at the first ':' behind the last folder; a value may hold a '/' itself.
  const std::size_t folder_end = text.substr(0, text.find('=')).rfind('/');
  const std::size_t colon = text.find(':', folder_end == std::string::npos ? 0 : folder_end + 1);
  load_request load;
  load.helper = text.substr(0, colon);
  if (load.helper.empty() || load.helper.back() == '/')
    return failure(EINVAL, fmt::format("--load {}: there is no helper's name", text));
  if (colon == std::string::npos)
    return load;
  for (const std::string& piece : CLI::detail::split(text.substr(colon + 1), ',')) {
    const std::size_t equals = piece.find('=');
    if (equals == std::string::npos || equals == 0)
      return failure(EINVAL,
                     fmt::format("--load {}: '{}' is not of the form param=value", text, piece));
    load.parameters.emplace_back(piece.substr(0, equals), piece.substr(equals + 1));
  }
  return load;
}

request parse_arguments(int argc, const char* const* argv) {
  replay_request replay;
  check_request check;
  std::vector<std::string> loads;
  bool json = false;
  bool csv = false;

  CLI::App program("khelp: helpers that hook into a running subsystem, and what they measure",
                   "khelp");
  program.require_subcommand(1);
  program.set_version_flag("--version", "", "Print the version, as the command does");
  add_replay(program, replay, loads, json, csv);
  add_check(program, check);
  program.add_subcommand("version", "Print the version of the program and of its module ABI");

  const std::vector<const char*> words = with_help_as_option(argc, argv);
  if (const std::string strange = strange_first_word(program, words); !strange.empty())
    return mistake(program, fmt::format("there is no {}", strange));
  try {
    program.parse(static_cast<int>(words.size()), words.data());
  } catch (const CLI::CallForVersion&) {
    return version_request{};
  } catch (const CLI::CallForHelp&) {
    const auto chosen = program.get_subcommands();
    return nothing_to_do{chosen.empty() ? program.help() : chosen.front()->help("khelp")};
  } catch (const CLI::ParseError& wrong) {
    return mistake(program, wrong.what());
  }

  if (program.got_subcommand("version"))
    return version_request{};
  if (program.got_subcommand("check"))
    return check;
  for (const std::string& text : loads) {
    auto load = parse_load(text);
    if (!load)
      return mistake(program, load.error().detail);
    replay.helpers.loads.push_back(std::move(*load));
  }
  replay.report.form = json ? report_form::json : csv ? report_form::csv : report_form::table;
  return replay;
}

}  // namespace khelp::app
