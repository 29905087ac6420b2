// Which instances the hooks of a helper are limited to.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/points/hook_registry.hpp"
#include "sync/section.hpp"

namespace khelp {

bool hook_registry::may_be_in(const std::string& helper_name, std::uintptr_t vid) const {
  if (vid == 0 || limits_.empty())
    return true;
  const auto limit = limits_.find(helper_name);
  return limit == limits_.end() || limit->second.contains(vid);
}

// Off where it may not be any more, and at where it may be now.
result<void> hook_registry::plan_limit(const std::string& helper_name, point_changes& changes) {
  for (const auto& [name, at] : names_) {
    for (const auto& [vid, point] : at.points) {
      const bool may = may_be_in(helper_name, vid);
      for (const auto& hook : point->hooks) {
        if (!may && hook->wish().owner_name == helper_name)
          changes.remove(*point, *hook);
      }
      for (const auto& wish : at.wishes) {
        const auto is_its = [&](const auto& hook) { return hook->shared_wish() == wish; };
        if (wish->owner_name != helper_name || !wants(*wish, vid) || !fits(*wish, *point) ||
            std::any_of(point->hooks.begin(), point->hooks.end(), is_its))
          continue;
        if (auto done = attach(wish, *point, changes); !done)
          return done;
      }
    }
  }
  return {};
}

result<void> hook_registry::limit(const std::string& helper_name,
                                  std::optional<instance_list> instances) {
  reader_wait readers;
  std::map<std::string, instance_list> before;
  {
    lock_guard held(registry_mutex);
    auto limits = limits_;
    limits.erase(helper_name);
    if (instances)
      limits.emplace(helper_name, std::move(*instances));
    before = std::exchange(limits_, std::move(limits));
    const auto undo = [&]() KHELP_REQUIRES(registry_mutex) { limits_.swap(before); };
    try {
      point_changes changes;
      auto planned = plan_limit(helper_name, changes);
      if (planned)
        planned = changes.prepare();
      if (!planned) {
        undo();
        return planned;
      }
      const auto has_its_hooks = [&](const published_set& set) {
        return has_hook_of(helper_name, set);
      };
      readers.prepare(changes.size(), has_its_hooks);
      changes.commit();
      readers.include(has_its_hooks);
    } catch (...) {
      undo();
      throw;
    }
  }
  run_wait for_ever;
  if (!inside_section() && readers.finish(for_ever) != waited::done)
    return failure(ENOSYS,
                   "the helper's hooks are off in the other instances, but membarrier(2) is "
                   "refused: whether a run is still inside cannot be known");
  return {};
}

}  // namespace khelp
