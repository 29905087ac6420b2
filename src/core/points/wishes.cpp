#include "core/points/wishes.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/points/hook_registry.hpp"

namespace khelp {
namespace {

std::vector<std::string> split_names(const char* list) {
  std::vector<std::string> names;
  std::string_view rest = list != nullptr ? list : "";
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(", \t"), rest.size());
    if (end != 0)
      names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

}  // namespace

std::shared_ptr<subscription> make_wish(const khelp_hookinfo& hook) {
  auto wish = std::make_shared<subscription>();
  wish->info = hook;
  return wish;
}

result<std::shared_ptr<subscription>> make_wish(const khelp_hookinfo_x& hook) {
  if (hook.size < sizeof(khelp_hookinfo_x))
    return failure(EINVAL, "struct khelp_hookinfo_x: its size is not set");
  auto wish = make_wish(hook.hook);
  wish->priority = hook.priority;
  wish->before = split_names(hook.before);
  wish->after = split_names(hook.after);
  wish->event = hook.event != nullptr ? hook.event : "";
  wish->fingerprint = hook.fingerprint;
  if (hook.point != nullptr) {
    auto name = the_hooks().pair_for(hook.point);
    if (!name)
      return std::move(name).error();
    wish->info.hook_type = name->type;
    wish->info.hook_id = name->id;
  }
  return wish;
}

}  // namespace khelp
