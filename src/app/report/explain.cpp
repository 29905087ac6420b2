#include "app/report/explain.hpp"

#include <cstdint>
#include <fmt/format.h>

#include <khelp/stats.h>

#include "app/cli/printable.hpp"

namespace khelp::app {
namespace {

struct explanation {
  std::string text;
  std::string point;  ///< of the block that is open
};

const char* what_of_those(std::uint32_t state) {
  switch (state) {
    case KHELP_HOOK_PENDING:
      return ", not registered: these hooks wait for it";
    case KHELP_HOOK_MISFIT:
      return ": these hooks were built for another event and stay off";
    default:
      return "";
  }
}

void add_hook(explanation& to, const khelp_hook_stat& hook) {
  const std::string point =
      fmt::format("{} ({}/{}){}", hook.point, hook.type, hook.id, what_of_those(hook.state));
  if (point != to.point)
    to.text += point + "\n";
  to.point = point;
  const char* helper = *hook.helper == '\0' ? "(no helper)" : hook.helper;
  to.text += fmt::format("  {}. {}{}{}{}\n", hook.position + 1, helper,
                         hook.state == KHELP_HOOK_SUSPENDED ? " (suspended)" : "",
                         *hook.why == '\0' ? "" : ": ", hook.why);
}

}  // namespace

std::string explain_hooks() {
  explanation made;
  khelp_stats_hooks(
      [](void* arg, const khelp_hook_stat* hook) {
        add_hook(*static_cast<explanation*>(arg), *hook);
      },
      &made);
  return made.text.empty() ? "No hooks.\n" : printable_lines(made.text);
}

}  // namespace khelp::app
