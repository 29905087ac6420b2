/// The program `khelp`: the command line to a verb, and the verb's exit status.
#include <new>
#include <variant>

#include <khelp/log.h>

#include "app/cli/exit_status.hpp"
#include "app/cli/messages.hpp"
#include "app/khelp/command_line.hpp"
#include "app/khelp/verbs.hpp"

namespace khelp::app {
namespace {

// What the library has to say goes where errors go.
void print_line(void*, int level, const char* line) {
  if (level <= KHELP_LOG_WARNING)
    report_error(line);
}

int run(int argc, const char* const* argv) {
  command asked = read_command_line(argc, argv, all_verbs());
  if (auto* chosen = std::get_if<std::unique_ptr<verb>>(&asked))
    return (*chosen)->run();
  const auto& usage = std::get<usage_text>(asked);
  if (!usage.is_error)
    return print(usage.text);
  report_error(usage.text);
  return exit_usage;
}

}  // namespace
}  // namespace khelp::app

int main(int argc, char** argv) {
  khelp_log_set_sink(&khelp::app::print_line, nullptr);
  try {
    return khelp::app::run(argc, argv);
  } catch (const std::bad_alloc&) {
    khelp::app::report_error("no memory");
    return khelp::app::exit_failed;
  }
}
