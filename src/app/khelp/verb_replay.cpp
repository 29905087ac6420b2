#include "app/khelp/verb_replay.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "app/khelp/options.hpp"
#include "app/replay/replay.hpp"

namespace khelp::app {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  khelp replay --load ertt capture.pcap\n"
    "  khelp replay --load ertt:delack_filter=0 --json capture.pcap > rtt.json\n"
    "  tcpdump -w - tcp | khelp replay --load ertt --plot rtt.svg -";

std::string check_instances(const std::string& text) {
  if (text == "vlan" || text == "file" || text == "none")
    return "";
  return fmt::format("'{}' is none of vlan, file and none", text);
}

std::string check_jobs(const std::string& text) {
  constexpr std::uint64_t most = 256;
  if (std::string wrong = check_whole_number(text); !wrong.empty())
    return wrong;
  const std::uint64_t number = std::stoull(text);
  return number >= 1 && number <= most ? "" : fmt::format("{} is not from 1 to {}", text, most);
}

void add_report_options(CLI::App& command, report_options& report) {
  CLI::Option* json = command.add_flag_callback(
      "--json", [&report] { report.form = report_form::json; }, "Report as one JSON document");
  command
      .add_flag_callback(
          "--csv", [&report] { report.form = report_form::csv; },
          "Report as CSV, one row per direction")
      ->excludes(json);
  command.add_option("--top", report.top, "Lines of the table; the other directions are summed")
      ->check(&check_whole_number)
      ->type_name("N")
      ->capture_default_str();
  command
      .add_option("--instance-by", report.instance_by,
                  "An instance, with hook points of its own, per VLAN or file, or none")
      ->check(&check_instances)
      ->type_name("vlan|file|none");
}

void add_helper_options(CLI::App& command, helpers_request& helpers) {
  add_loads(command, helpers.loads);
  command.add_flag("--raw", helpers.raw,
                   "Show the per-object data of FreeBSD-style helpers in hexadecimal");
  command.add_flag("--debug", helpers.debug,
                   "Map helpers from their own files, for debuggers and profilers");
  command
      .add_option("--module-path", helpers.module_path,
                  "Folders where helpers are searched first, ':' between them")
      ->type_name("DIR");
  add_allow_library(command, helpers.libraries);
}

}  // namespace

void replay_verb::add_options(CLI::App& command) {
  add_helper_options(command, asked_.helpers);
  add_report_options(command, asked_.report);
  command.add_option("--samples", asked_.samples_file, "Write every single measurement, as CSV")
      ->check(&check_file_name)
      ->type_name("FILE.csv");
  command.add_option("--plot", asked_.plot_file, "Draw RTT over time, per connection")
      ->check(&check_file_name)
      ->type_name("FILE.svg");
  command.add_flag("--explain", asked_.explain,
                   "Print each point's hooks in running order, and why they stand so");
  command.add_flag("--mem", asked_.mem,
                   "Show zones and types of memory as they are when the captures have been read");
  command
      .add_option("--unload-after", asked_.unload_after,
                  "Unload the helpers after N packets; the replay goes on without them")
      ->check(&check_whole_number)
      ->type_name("N");
  command
      .add_option("--jobs", asked_.jobs,
                  "Work with N threads; the results are the same. Not given: as many as there are "
                  "processors, at most 4")
      ->check(&check_jobs)
      ->type_name("N");
  command
      .add_option("CAPTURE", asked_.captures, "Capture files (pcap, pcapng); - is standard input")
      ->type_name("")
      ->required();
  command.footer(examples);
}

int replay_verb::run() {
  return run_replay(asked_);
}

std::unique_ptr<verb> make_replay_verb() {
  return std::make_unique<replay_verb>();
}

}  // namespace khelp::app
