#include "app/report/hook_order.hpp"

#include <cstdint>
#include <fmt/format.h>

#include "app/cli/printable.hpp"

namespace khelp::app {
namespace {

const char* state_of_point(std::uint32_t hook_state) {
  switch (hook_state) {
    case KHELP_HOOK_PENDING:
      return ", not registered: these hooks wait for it";
    case KHELP_HOOK_MISFIT:
      return ": these hooks were built for another event and stay off";
    default:
      return "";
  }
}

std::string heading_of(const snapshot::hook_info& hook) {
  return fmt::format("{} ({}/{}){}\n", hook.point, hook.type, hook.id, state_of_point(hook.state));
}

std::string line_of(const snapshot::hook_info& hook) {
  return fmt::format("  {}. {}{}{}{}\n", hook.position + 1,
                     hook.helper.empty() ? "(no helper)" : hook.helper,
                     hook.state == KHELP_HOOK_SUSPENDED ? " (suspended)" : "",
                     hook.why.empty() ? "" : ": ", hook.why);
}

}  // namespace

std::string hook_order_text(const std::vector<snapshot::hook_info>& hooks) {
  if (hooks.empty())
    return "No hooks.\n";
  std::string text;
  std::string heading;
  for (const snapshot::hook_info& hook : hooks) {
    if (std::string own = heading_of(hook); own != heading) {
      heading = std::move(own);
      text += heading;
    }
    text += line_of(hook);
  }
  return printable_lines(text);
}

}  // namespace khelp::app
