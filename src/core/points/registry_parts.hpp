// What the files of the hook registry share.
#pragma once

#include <cerrno>
#include <memory>
#include <string>

#include "core/points/hook_registry.hpp"
#include "sync/word.hpp"

namespace khelp {

inline hook_point_record* record_of(khelp_hhook_head* head) {
  return head == nullptr ? nullptr : static_cast<hook_point_record*>(load_acquire(head->hhh_point));
}

inline failure no_point(point_name name) {
  return {ENOENT, "hook point " + to_string(name) + ": not registered"};
}

inline bool matches(const subscription& wish, const khelp_hookinfo& which) {
  return wish.same_hook(which) &&
         (which.hook_helper == nullptr || which.hook_helper == wish.info.hook_helper);
}

inline std::string misfit_words(const subscription& wish, const hook_point_record& point) {
  return "its event is '" + point.event + "', the hook was built for '" + wish.event +
         "' of another name or layout";
}

// What a point publishes of its hooks.
std::unique_ptr<hook_set> make_set(const hook_point_record& point, const attachment_list& hooks,
                                   bool timed);

// Hooks that were taken off a point. Whoever does that inside a hook does not wait for runs: those that
// are under way, its own above all, call the hooks no more. Who waits for runs lets them end as they
// began: one that was to meet the hook meets it, and not neither it nor the one that took its place.
void mark_removed(const publication& place, const attachment_list& hooks) noexcept
    KHELP_REQUIRES(registry_mutex);

}  // namespace khelp
