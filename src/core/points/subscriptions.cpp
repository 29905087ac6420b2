// What hooks are wished for, and at which points they are.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/points/hook_owner.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/naming.hpp"
#include "core/points/registry_parts.hpp"
#include "core/points/stragglers.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

// Whether a retired set has a hook that `is_one` picks: a run that uses it may still call that hook.
template <class Fn>
bool any_hook(const published_set& retired, const Fn& is_one) {
  const auto* set = dynamic_cast<const hook_set*>(&retired);
  return set != nullptr && std::any_of(set->owners.begin(), set->owners.end(),
                                       [&](const auto& hook) { return is_one(hook->wish()); });
}

// The end of a removal: nobody is inside, unless this thread is.
result<std::uint32_t> finish_wait(reader_wait& readers, run_wait& wait, std::uint32_t removed) {
  switch (inside_section() ? waited::done : readers.finish(wait)) {
    case waited::done:
      return removed;
    case waited::too_late:
      return still_inside({"hook removed from new runs, but "}, wait.who());
    default:
      return failure(ENOSYS,
                     "hook removed from new runs, but membarrier(2) is refused: whether a run is "
                     "still inside cannot be known");
  }
}

// A hook that was taken off instances one by one is wished for in those to come only. When its owner
// adds it again, everywhere, the new wish takes the old one's place: two would meet in the next
// instance. (Where the old one is attached, the new one is refused already.)
bool supersedes(const subscription& wish, const subscription& old) {
  return wish.everywhere && old.everywhere && wish.owner == old.owner && !old.taken_off.empty();
}

}  // namespace

void hook_registry::reserve_wishes(const subscription& wish, std::size_t more) {
  auto& wishes = names_[place_of(wish)].wishes;
  if (wishes.capacity() - wishes.size() < more)
    wishes.reserve(wishes.size() * 2 + more);
}

result<void> hook_registry::plan(const std::shared_ptr<subscription>& wish,
                                 point_changes& changes) {
  const point_name name = place_of(*wish);
  named& at = names_[name];
  for (const auto& other : at.wishes) {
    if (!other->same_hook(wish->info) || supersedes(*wish, *other))
      continue;
    const bool both = other->everywhere ? wish->everywhere : wish->wants(other->instance);
    if (both)
      return failure(EEXIST, "hook point " + to_string(name) + ": '" + other->owner_name +
                                 "' has this function with this argument there already");
  }
  for (const auto& [vid, point] : at.points) {
    if (!wants(*wish, vid))
      continue;
    if (!fits(*wish, *point))
      return failure(EINVAL, "hook point " + to_string(name) + ": " + misfit_words(*wish, *point));
    for (const auto& hook : point->hooks) {
      if (hook->wish().same_hook(wish->info))
        return failure(EEXIST, "hook point " + to_string(name) + ": '" + hook->wish().owner_name +
                                   "' has this function with this argument there already");
    }
    if (auto done = attach(wish, *point, changes); !done)
      return done;
  }
  return {};
}

result<void> hook_registry::check_order(
    const std::vector<std::shared_ptr<subscription>>& newcomers) {
  std::map<std::pair<std::int32_t, std::int32_t>, wish_list> by_name;
  for (const auto& wish : newcomers)
    by_name[{place_of(*wish).type, place_of(*wish).id}].push_back(wish.get());
  for (auto& [name, wishes] : by_name) {
    const auto at = names_.find({name.first, name.second});
    if (at != names_.end()) {
      for (const auto& kept : at->second.wishes)
        wishes.push_back(kept.get());
    }
    if (auto may = check_constraints(wishes); !may)
      return may;
  }
  return {};
}

void hook_registry::keep(std::shared_ptr<subscription> wish) {
  auto& wishes = names_[place_of(*wish)].wishes;
  std::erase_if(wishes, [&](const auto& other) {
    return other->same_hook(wish->info) && supersedes(*wish, *other);
  });
  wishes.push_back(std::move(wish));
}

result<void> hook_registry::subscribe(std::shared_ptr<subscription> wish, bool strict) {
  const name_in_use name(*this, place_of(*wish));
  point_changes changes;
  reserve_wishes(*wish, 1);
  if (auto done = plan(wish, changes); !done)
    return done;
  if (changes.empty() && strict)
    return no_point(name.name);
  if (auto may = check_order({wish}); !may)
    return may;
  if (auto done = changes.prepare(); !done)
    return done;
  keep(std::move(wish));
  changes.commit();
  return {};
}

// Of a helper that is being unloaded, and may come back with its hooks.
std::shared_ptr<subscription> hook_registry::wish_that_is_off(const hook_point_record& point,
                                                              const khelp_hookinfo& which) {
  const auto& wishes = names_[point.name].wishes;
  const auto at = std::find_if(wishes.begin(), wishes.end(),
                               [&](const auto& wish) KHELP_REQUIRES(registry_mutex) {
                                 return wish->owner != nullptr && wish->owner->hooks_off &&
                                        wish->wants(point.vid) && matches(*wish, which);
                               });
  return at == wishes.end() ? nullptr : *at;
}

result<std::uint32_t> hook_registry::remove_hook(khelp_hhook_head* head,
                                                 const khelp_hookinfo& which, run_wait& wait) {
  reader_wait readers;
  std::uint32_t removed = 0;
  {
    lock_guard held(registry_mutex);
    hook_point_record* point = record_of(head);
    if (point == nullptr || !point->registered)
      return failure(ENOENT, "hook point: not registered");
    // Somebody else, or the hook itself, may have removed it while it runs.
    const auto may_still_run = [&](const published_set& set) {
      return set.place->key() == head &&
             any_hook(set, [&](const subscription& wish) { return matches(wish, which); });
    };
    point_changes changes;
    std::shared_ptr<subscription> wish;
    auto hook = std::find_if(point->hooks.begin(), point->hooks.end(),
                             [&](const auto& h) { return matches(h->wish(), which); });
    if (hook != point->hooks.end()) {
      wish = (*hook)->shared_wish();
      changes.remove(*point, **hook);
    } else {
      wish = wish_that_is_off(*point, which);
    }
    removed = wish != nullptr ? 1 : 0;
    if (auto done = changes.prepare(); !done)
      return std::move(done).error();
    readers.prepare(changes.size(), may_still_run);
    if (wish != nullptr) {
      // Without instances there is no other point that it could still be wished for.
      if (wish->everywhere && point->vid != 0)
        wish->taken_off.push_back(point->vid);
      else
        std::erase(names_[point->name].wishes, wish);
    }
    changes.commit();
    readers.include(may_still_run);
  }
  return finish_wait(readers, wait, removed);
}

result<std::uint32_t> hook_registry::unsubscribe(const khelp_hookinfo& which, run_wait& wait) {
  reader_wait readers;
  std::uint32_t removed = 0;
  {
    lock_guard held(registry_mutex);
    const point_name name = meant({which.hook_type, which.hook_id});
    const auto may_still_run = [&](const published_set& set) {
      return any_hook(set, [&](const subscription& wish) KHELP_NO_TSA {
        return place_of(wish) == name && matches(wish, which);
      });
    };
    point_changes changes;
    const auto at = names_.find(name);
    if (at != names_.end()) {
      for (const auto& [vid, point] : at->second.points) {
        for (const auto& hook : point->hooks) {
          if (matches(hook->wish(), which)) {
            changes.remove(*point, *hook);
            ++removed;
          }
        }
      }
    }
    if (auto done = changes.prepare(); !done)
      return std::move(done).error();
    readers.prepare(changes.size(), may_still_run);
    if (at != names_.end()) {
      const auto gone =
          std::erase_if(at->second.wishes, [&](const auto& wish) { return matches(*wish, which); });
      if (removed == 0)
        removed = static_cast<std::uint32_t>(gone);
      forget_name_if_unused(at->first);
    }
    changes.commit();
    readers.include(may_still_run);
  }
  return finish_wait(readers, wait, removed);
}

result<void> hook_registry::remove_all(const wish_filter& picked, reader_wait& readers) {
  const auto may_still_run = [&](const published_set& set) { return any_hook(set, picked); };
  point_changes changes;
  for (const auto& [serial, point] : points_) {
    for (const auto& hook : point->hooks) {
      if (picked(hook->wish()))
        changes.remove(*point, *hook);
    }
  }
  if (auto done = changes.prepare(); !done)
    return done;
  readers.prepare(changes.size(), may_still_run);

  // Nothing fails from here on.
  for (auto next = names_.begin(); next != names_.end();) {
    const auto at = next++;
    std::erase_if(at->second.wishes, [&](const auto& wish) { return picked(*wish); });
    forget_name_if_unused(at->first);
  }
  changes.commit();
  readers.include(may_still_run);
  return {};
}

void hook_registry::plan_removal(hook_owner& owner, point_changes& changes) {
  for (const auto& [serial, point] : points_) {
    for (const auto& hook : point->hooks) {
      if (hook->wish().owner != &owner)
        continue;
      owner.taken_off.push_back({serial, hook});
      changes.remove(*point, *hook);
    }
  }
}

result<void> hook_registry::plan_return(hook_owner& owner, point_changes& changes) {
  const auto taken = [&owner](const hook_point_record& point,
                              const subscription& wish) KHELP_REQUIRES(registry_mutex) {
    const auto at =
        std::find_if(owner.taken_off.begin(), owner.taken_off.end(), [&](const taken_hook& t) {
          return t.point_serial == point.serial && &t.hook->wish() == &wish;
        });
    return at == owner.taken_off.end() ? nullptr : at->hook;
  };
  for (const auto& [name, at] : names_) {
    for (const auto& wish : at.wishes) {
      if (wish->owner != &owner)
        continue;
      for (const auto& [vid, point] : at.points) {
        if (!wants(*wish, vid) || !fits(*wish, *point))
          continue;
        if (auto hook = taken(*point, *wish); hook != nullptr)
          changes.add(*point, std::move(hook));
        else if (auto done = attach(wish, *point, changes); !done)
          return done;
      }
    }
  }
  return {};
}

bool hook_registry::has_hook_of(const hook_owner& owner, const published_set& retired) {
  return any_hook(retired, [&](const subscription& wish) { return wish.owner == &owner; });
}

bool hook_registry::has_hook_of(const std::string& owner_name, const published_set& retired) {
  return any_hook(retired, [&](const subscription& wish) { return wish.owner_name == owner_name; });
}

void hook_registry::forget(const hook_owner& owner) {
  for (auto next = names_.begin(); next != names_.end();) {
    const auto at = next++;
    std::erase_if(at->second.wishes, [&](const auto& wish) { return wish->owner == &owner; });
    forget_name_if_unused(at->first);
  }
}

}  // namespace khelp
