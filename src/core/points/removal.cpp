// Points are deregistered, and end when nobody is inside or refers to them any more.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <sched.h>
#include <string_view>

#include "base/log.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/registry_parts.hpp"
#include "core/points/stragglers.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

failure memory_stays() {
  return {ENOSYS, "hook point: deregistered, but membarrier(2) is refused: its memory stays"};
}

// A hook of nobody that was added to this one point goes with it, as upstream's does: who added it
// has no reason to keep its argument alive.
void forget_ownerless(std::vector<std::shared_ptr<subscription>>& wishes, std::uintptr_t vid) {
  std::erase_if(wishes, [vid](const auto& wish) {
    return !wish->everywhere && wish->instance == vid && wish->owner == nullptr;
  });
}

// An instance ends, and its number does not come back.
void forget_instance(std::vector<std::shared_ptr<subscription>>& wishes, std::uintptr_t vid) {
  std::erase_if(wishes,
                [vid](const auto& wish) { return !wish->everywhere && wish->instance == vid; });
  for (const auto& wish : wishes)
    std::erase(wish->taken_off, vid);
}

std::string_view digits(char (&into)[12], std::int32_t n) {
  const auto end = std::to_chars(into, into + sizeof into, n).ptr;
  return {into, static_cast<std::size_t>(end - into)};
}

}  // namespace

result<void> hook_registry::check_removal(const hook_point_record* point) {
  if (point == nullptr || !point->registered)
    return failure(ENOENT, "hook point: not registered");
  if (point->user_references > 0)
    return failure(EBUSY, "hook point " + to_string(point->name) + ": " +
                              std::to_string(point->user_references) + " references are held");
  return {};
}

void hook_registry::begin_removal(hook_point_record& point, removal& into) noexcept {
  const auto listed = points_.find(point.serial);
  into.point.splice(into.point.end(), point.among_ended);
  into.point.front() = std::move(listed->second);
  points_.erase(listed);
  named& at = names_.find(point.name)->second;
  at.points.erase(point.vid);
  forget_ownerless(at.wishes, point.vid);
  forget_name_if_unused(point.name);
  point.registered = false;
  point.owner_reference = false;
  point.place.publish(point.last_set.release());
  mark_removed(point.place, point.hooks);
  point.deep_when_ended = deep_mark(point.head->hhh_deep);
  store_relaxed(point.head->hhh_nhooks, 0);
  into.hooks.swap(point.hooks);
}

waited hook_registry::finish_removal(removal& r, run_wait& wait) noexcept {
  for (const auto& hook : r.hooks)
    log(KHELP_LOG_INFO, {"hook point deregistered: a hook of '", hook->wish().owner_name,
                         "' waits for it to return"});
  khelp_hhook_head* const head = r.point.front()->head;
  const bool inside = inside_section();
  const waited outcome = inside ? waited::done : wait_for_runs(head, head->hhh_deep, wait);
  lock_guard held(registry_mutex);
  r.hooks.clear();
  hook_point_record& point = *r.point.front();
  const bool referenced = point.user_references > 0;
  if (!inside && outcome == waited::done && !referenced) {
    point.end();
    return outcome;
  }
  // Who gave up waiting asks again: until then its storage is in use.
  if (!referenced && outcome != waited::too_late)
    point.let_go();
  ended_.splice(ended_.end(), r.point);
  return outcome;
}

result<void> hook_registry::outcome_of(waited removal, const run_wait& wait) {
  switch (removal) {
    case waited::done:
      return {};
    case waited::too_late:
      return still_inside({"hook point: deregistered, but its memory is in use: "}, wait.who());
    default:
      return memory_stays();
  }
}

result<void> hook_registry::remove_point(khelp_hhook_head* head, bool again, run_wait& wait) {
  removal r;
  {
    lock_guard held(registry_mutex);
    hook_point_record* point = record_of(head);
    const auto ended = std::find_if(ended_.begin(), ended_.end(), [&](const auto& p) {
      return again && p.get() == point && p->user_references == 0;
    });
    if (ended != ended_.end()) {
      r.point.splice(r.point.end(), ended_, ended);
    } else {
      if (auto may = check_removal(point); !may)
        return may;
      begin_removal(*point, r);
    }
  }
  return outcome_of(finish_removal(r, wait), wait);
}

result<void> hook_registry::remove_point(point_name name, std::uintptr_t vid, run_wait& wait) {
  removal r;
  {
    lock_guard held(registry_mutex);
    hook_point_record* point = find(name, vid);
    if (auto may = check_removal(point); !may)
      return may;
    begin_removal(*point, r);
  }
  return outcome_of(finish_removal(r, wait), wait);
}

bool hook_registry::take_leftover(std::uintptr_t vid, removal& into) noexcept {
  lock_guard held(registry_mutex);
  const auto left = std::find_if(points_.begin(), points_.end(),
                                 [vid](const auto& p) { return p.second->vid == vid; });
  if (left != points_.end()) {
    begin_removal(*left->second, into);
    return true;
  }
  for (auto next = names_.begin(); next != names_.end();) {
    const auto at = next++;
    forget_instance(at->second.wishes, vid);
    forget_name_if_unused(at->first);
  }
  for (auto& [helper_name, instances] : limits_)
    instances.erase(vid);
  return false;
}

void hook_registry::close_instance(std::uintptr_t vid) noexcept {
  {
    lock_guard held(registry_mutex);
    open_instances_.erase(vid);
  }
  for (;;) {
    removal r;
    if (!take_leftover(vid, r))
      return;
    const point_name name = r.point.front()->name;
    char type[12];
    char id[12];
    log(KHELP_LOG_WARNING, {"hook point ", digits(type, name.type), "/", digits(id, name.id),
                            ": left in an instance that ends; cleanup required"});
    run_wait for_ever;
    (void)finish_removal(r, for_ever);
  }
}

unsigned hook_registry::bury_points() noexcept {
  point_list dead;
  unsigned waiting = 0;
  {
    lock_guard held(registry_mutex);
    for (auto next = ended_.begin(); next != ended_.end();) {
      const auto at = next++;
      hook_point_record& point = **at;
      if (point.user_references > 0)
        continue;
      if (point.is_in_use()) {
        ++waiting;
        continue;
      }
      point.end();
      dead.splice(dead.end(), ended_, at);
    }
  }
  return waiting;
}

void hook_registry::release(khelp_hhook_head* head) {
  bool last_of_ended = false;
  {
    lock_guard held(registry_mutex);
    hook_point_record* point = record_of(head);
    if (point == nullptr)
      return;
    // Saturated counts stay.
    if (point->user_references > 0 && point->user_references < UINT32_MAX)
      --point->user_references;
    else if (point->user_references == 0)
      point->owner_reference = false;
    head->hhh_refcount = point->user_references + (point->owner_reference ? 1 : 0);
    last_of_ended = !point->registered && point->user_references == 0;
    if (last_of_ended)
      point->let_go();
  }
  if (last_of_ended && !inside_section())
    bury_points();
}

}  // namespace khelp
