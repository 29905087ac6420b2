// The registry of points, and what is asked of it. What changes it stands in the files beside this one:
// registration, removal, names, subscriptions, suspension, limits; hook_point.cpp for one point.
#include "core/points/hook_registry.hpp"

#include <cstddef>
#include <new>

#include "core/points/hook_owner.hpp"
#include "core/points/registry_parts.hpp"
#include "sync/reaper.hpp"

namespace khelp {

std::string to_string(const point_name& name) {
  return std::to_string(name.type) + "/" + std::to_string(name.id);
}

hook_registry& the_hooks() {
  // In place: it is there also when there is no memory.
  alignas(hook_registry) static std::byte storage[sizeof(hook_registry)];
  static hook_registry& registry = []() -> hook_registry& {
    add_last_reaper([] { return the_hooks().bury_points(); });
    return *new (storage) hook_registry;
  }();
  return registry;
}

// ---- points ----

hook_point_record* hook_registry::find(point_name name, std::uintptr_t vid) {
  auto at = names_.find(meant(name));
  if (at == names_.end() || at->second.points.empty())
    return nullptr;
  // A name is either virtualised or not.
  const auto& points = at->second.points;
  const auto point = points.find(points.begin()->first == 0 ? 0 : vid);
  return point == points.end() ? nullptr : point->second;
}

bool hook_registry::wants(const subscription& wish, std::uintptr_t vid) const {
  const bool off = wish.owner != nullptr && wish.owner->hooks_off;
  return !off && wish.wants(vid) && may_be_in(wish.owner_name, vid);
}

bool hook_registry::fits(const subscription& wish, const hook_point_record& point) {
  return wish.event.empty() || point.event.empty() ||
         (wish.event == point.event && wish.fingerprint == point.fingerprint);
}

result<void> hook_registry::attach(const std::shared_ptr<subscription>& wish,
                                   hook_point_record& point, point_changes& changes) {
  const counter_block block = take_counter_block();
  if (block == no_counter_block)
    return failure(ENOSPC, "hook point " + to_string(point.name) + ": no counters left");
  std::shared_ptr<hook_attachment> hook;
  try {
    hook = std::make_shared<hook_attachment>(wish, block, point.words);
  } catch (...) {
    give_counter_block(block);
    throw;
  }
  changes.add(point, std::move(hook));
  return {};
}

// ---- instances ----

void hook_registry::open_instance(std::uintptr_t vid) {
  lock_guard held(registry_mutex);
  open_instances_.insert(vid);
}

khelp_hhook_head* hook_registry::get(point_name name, std::uintptr_t vid) {
  lock_guard held(registry_mutex);
  hook_point_record* point = find(name, vid);
  if (point == nullptr)
    return nullptr;
  if (point->user_references < UINT32_MAX)
    ++point->user_references;
  point->head->hhh_refcount = point->user_references + (point->owner_reference ? 1 : 0);
  return point->head;
}

// ---- for statistics ----

void hook_registry::for_each_point(const std::function<void(const hook_point_record&)>& fn) {
  for (const auto& [serial, point] : points_)
    fn(*point);
}

void hook_registry::for_each_point_with_ends(
    const std::function<void(const hook_point_record&)>& fn) {
  for_each_point(fn);
  for (const auto& point : ended_)
    fn(*point);
}

void hook_registry::for_each_wish(const std::function<void(const subscription&)>& fn) {
  for (const auto& [name, at] : names_) {
    for (const auto& wish : at.wishes)
      fn(*wish);
  }
}

bool hook_registry::waits_for_its_point(const subscription& wish) {
  const auto at = names_.find(place_of(wish));
  return at == names_.end() || at->second.points.empty();
}

std::pair<khelp_hook_state, std::string> hook_registry::why_nowhere(const subscription& wish) {
  const auto at = names_.find(place_of(wish));
  if (waits_for_its_point(wish))
    return {KHELP_HOOK_PENDING, "its point is not registered"};
  for (const auto& [vid, point] : at->second.points) {
    if (wish.wants(vid) && !fits(wish, *point))
      return {KHELP_HOOK_MISFIT, "its point is registered, but " + misfit_words(wish, *point)};
  }
  return {KHELP_HOOK_PENDING, "no instance that has its point wants it (any more)"};
}

bool hook_registry::is_attached(const subscription& wish) {
  auto at = names_.find(place_of(wish));
  if (at == names_.end())
    return false;
  for (const auto& [vid, point] : at->second.points) {
    for (const auto& hook : point->hooks) {
      if (&hook->wish() == &wish)
        return true;
    }
  }
  return false;
}

}  // namespace khelp
