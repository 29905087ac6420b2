/// The program `khelp`: words to a request, a request to its command.
#include <csignal>
#include <fmt/format.h>
#include <string>
#include <variant>

#include <khelp/log.h>
#include <khelp/module.h>

#include "app/cli/complaints.hpp"
#include "app/cli/exit_code.hpp"
#include "app/cli/output.hpp"
#include "app/khelp/arguments.hpp"
#include "app/khelp/check.hpp"
#include "app/replay/replay.hpp"

namespace khelp::app {
namespace {

// What the library has to say goes where errors go.
void print_line(void*, int level, const char* line) {
  if (level <= KHELP_LOG_WARNING)
    complain(line);
}

int print(const std::string& words) {
  output out = output::standard_output();
  out.write(words);
  return complete(out.flush()) ? exit_done : exit_failed;
}

int run(const replay_request& asked) {
  return run_replay(asked);
}

int run(const check_request& asked) {
  return run_check(asked);
}

int run(const version_request&) {
  return print(fmt::format("khelp {}, module ABI {}\n", KHELP_VERSION_TEXT, KHELP_ABI));
}

int run(const nothing_to_do& said) {
  if (!said.mistake)
    return print(said.words);
  complain(said.words);
  return exit_usage;
}

}  // namespace
}  // namespace khelp::app

int main(int argc, char** argv) {
  khelp_log_set_sink(&khelp::app::print_line, nullptr);
  const auto asked = khelp::app::parse_arguments(argc, argv);
  return std::visit([](const auto& one) { return khelp::app::run(one); }, asked);
}
