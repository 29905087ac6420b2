#include "snapshot/modules.hpp"

#include "snapshot/collect.hpp"

namespace khelp::snapshot {
namespace {

module_info value_of(const khelp_module_info& shown) {
  return {.id = shown.id,
          .name = shown.name,
          .file = shown.file,
          .version = shown.version,
          .state = shown.state,
          .references = shown.references,
          .user_references = shown.user_references,
          .permanent = shown.permanent != 0,
          .base = shown.base,
          .bytes = shown.bytes,
          .reason = shown.reason,
          .held_by = shown.held_by,
          .helper = shown.helper,
          .personality = shown.personality};
}

}  // namespace

std::vector<module_info> read_modules() {
  return collect<module_info, khelp_module_info>(&khelp_modules, &value_of);
}

}  // namespace khelp::snapshot
