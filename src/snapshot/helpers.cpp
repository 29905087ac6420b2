#include "snapshot/helpers.hpp"

#include "snapshot/collect.hpp"

namespace khelp::snapshot {
namespace {

helper_info value_of(const khelp_helper_stat& shown) {
  return {.id = shown.id,
          .name = shown.name,
          .version = shown.version,
          .state = shown.state,
          .attached = shown.attached,
          .attached_total = shown.attached_total,
          .adopted = shown.adopted,
          .attach_failures = shown.attach_failures,
          .calls = shown.calls,
          .skipped = std::to_array(shown.skipped),
          .exceptions = shown.exceptions,
          .refused = shown.refused};
}

}  // namespace

std::vector<helper_info> read_helpers() {
  return collect<helper_info, khelp_helper_stat>(&khelp_stats_helpers, &value_of);
}

}  // namespace khelp::snapshot
