#include "app/khelp/explain.hpp"

#include <fmt/format.h>

#include <khelp/stats.h>

#include "app/khelp/printable.hpp"

namespace khelp::app {
namespace {

struct explanation {
  std::string text;
  std::string point;  ///< of the block that is open
};

void add_hook(explanation& to, const khelp_hook_stat& hook) {
  const bool pending = hook.state == KHELP_HOOK_PENDING;
  const std::string point = fmt::format("{} ({}/{}){}", hook.point, hook.type, hook.id,
                                        pending ? ", not registered: these hooks wait for it" : "");
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
