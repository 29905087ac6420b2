#include "snapshot/hooks.hpp"

#include "snapshot/collect.hpp"

namespace khelp::snapshot {
namespace {

hook_info value_of(const khelp_hook_stat& shown) {
  return {.point = shown.point,
          .type = shown.type,
          .id = shown.id,
          .instance = shown.instance,
          .helper = shown.helper,
          .state = shown.state,
          .position = shown.position,
          .priority = shown.priority,
          .why = shown.why,
          .calls = shown.calls,
          .skipped = std::to_array(shown.skipped),
          .exceptions = shown.exceptions,
          .timed_calls = shown.timed_calls,
          .timed_ns = shown.timed_ns};
}

}  // namespace

std::vector<hook_info> read_hooks() {
  return collect<hook_info, khelp_hook_stat>(&khelp_stats_hooks, &value_of);
}

}  // namespace khelp::snapshot
