// Hooks that are skipped, and hooks that are timed.
#include <algorithm>
#include <cerrno>
#include <sched.h>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/thread_text.hpp"
#include "core/points/hook_owner.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/registry_parts.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

// Whether that was a change. Runs under way see it when they reach the hook.
bool set_suspended(hook_point_record& point, hook_attachment& hook, bool suspended)
    KHELP_REQUIRES(registry_mutex) {
  constexpr std::uint32_t mark = hook_attachment::suspended;
  if (!(suspended ? hook.mark(mark) : hook.unmark(mark)))
    return false;
  const auto show = [&hook](published_set& set) {
    static_cast<hook_set&>(set).show_marks_of(hook);
  };
  show(*point.place.current());
  point.place.for_each_retired(show);
  return true;
}

}  // namespace

void hook_registry::suspend(const hook_set& set, std::size_t index,
                            khelp_hhook_head& head) noexcept {
  hook_attachment& hook = *set.owners[index];
  hook.mark(hook_attachment::suspended);
  const_cast<hook_set&>(set).show_marks(index);
  // Whoever changes the registry now may have asked before and not have published yet: let it. Not
  // for ever: this may be a signal handler above it.
  for (int tries = 0; tries < 1000; ++tries) {
    if (registry_mutex.try_lock()) {
      registry_mutex.unlock();
      break;
    }
    sched_yield();
  }
  // A hook that was taken off is in no newer set; and its point may be gone, with its memory.
  if ((hook.marks() & hook_attachment::removed) == 0) {
    // A newer set may be current; a section of our own keeps it. Pairs with commit(): either it is
    // seen here, or its publisher sees that the hook is suspended.
    full_barrier();
    const any_section section(&head, &head.hhh_hooks, head.hhh_deep, nullptr);
    if (const auto* current = section.set<hook_set>())
      const_cast<hook_set&>(*current).show_marks_of(hook);
  }
  const bool owned = !hook.wish().owner_name.empty();
  const thread_text thread;
  tell_thrown([&](std::string_view thrown) {
    log(KHELP_LOG_WARNING, {owned ? "helper '" : "", hook.wish().owner_name,
                            owned ? "': its hook at point '" : "a hook of nobody at point '",
                            hook.point(), "' threw and is suspended: ", thrown, " (", thread, ")"});
  });
}

result<void> hook_registry::resume(const khelp_hookinfo& which) {
  lock_guard held(registry_mutex);
  auto at = names_.find(meant({which.hook_type, which.hook_id}));
  bool found = false;
  bool resumed = false;
  if (at != names_.end()) {
    for (const auto& [vid, point] : at->second.points) {
      for (std::size_t i = 0; i < point->hooks.size(); ++i) {
        hook_attachment& hook = *point->hooks[i];
        if (!matches(hook.wish(), which))
          continue;
        found = true;
        if (khelp::set_suspended(*point, hook, false))
          resumed = true;
      }
    }
  }
  if (!found)
    return failure(ENOENT, "no such hook at point " + to_string({which.hook_type, which.hook_id}));
  if (!resumed)
    return failure(EALREADY, "the hook is not suspended");
  return {};
}

result<std::uint32_t> hook_registry::set_suspended(bool suspended, const std::string& helper_name,
                                                   const char* point_words) {
  // Before anything is changed, which is told.
  const std::string where =
      point_words == nullptr ? std::string() : std::string(" at point '") + point_words + "'";
  const std::string whose = helper_name.empty() ? "nobody" : "helper '" + helper_name + "'";
  bool found = false;
  std::uint32_t changed = 0;
  {
    lock_guard held(registry_mutex);
    for (const auto& [serial, point] : points_) {
      if (point_words != nullptr && point->words != point_words)
        continue;
      for (const auto& hook : point->hooks) {
        if (hook->wish().owner_name != helper_name)
          continue;
        found = true;
        changed += khelp::set_suspended(*point, *hook, suspended) ? 1 : 0;
      }
    }
  }
  if (!found)
    return failure(ENOENT, whose + " has no hook" + where);
  if (changed == 0)
    return failure(EALREADY, "hooks of " + whose + where +
                                 (suspended ? ": suspended already" : ": none is suspended"));
  log(KHELP_LOG_INFO, {whose, ": its hooks", where, suspended ? " are suspended" : " run again"});
  return changed;
}

result<void> hook_registry::set_timing(bool on) {
  lock_guard held(registry_mutex);
  if (timing_ == on)
    return {};
  point_changes changes;
  for (const auto& [serial, point] : points_) {
    if (!point->hooks.empty())
      changes.touch(*point);
  }
  timing_ = on;
  try {
    if (auto done = changes.prepare(); !done) {
      timing_ = !on;
      return done;
    }
  } catch (...) {
    timing_ = !on;
    throw;
  }
  changes.commit();
  return {};
}

}  // namespace khelp
