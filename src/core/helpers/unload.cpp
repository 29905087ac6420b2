// Helpers are unloaded: their hooks are taken off, their runs waited for, their data ended.
#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "base/log.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/registry_parts.hpp"
#include "core/points/stragglers.hpp"
#include "sync/item_call.hpp"
#include "sync/reaper.hpp"

namespace khelp {

failure barrier_refused(const helper& h) {
  return {ENOSYS,
          quoted(h.name) +
              ": its hooks are off, but membarrier(2) is refused: whether a thread is still "
              "inside cannot be known, so it stays (zombie)"};
}

namespace {

// Runs that use these may call the helper's hooks: also hooks that were removed while they run, and
// those of points that end.
auto sets_of(const helper& h) {
  return [&h](const published_set& set) { return hook_registry::has_hook_of(h, set); };
}

}  // namespace

void helper_registry::put_hooks_back(helper& h) noexcept {
  if (!h.hooks_off) {
    h.taken_off.clear();
    return;
  }
  try {
    h.hooks_off = false;
    point_changes changes;
    auto planned = the_hooks().plan_return(h, changes);
    if (planned)
      planned = changes.prepare();
    if (planned) {
      changes.commit();
      h.taken_off.clear();
      return;
    }
  } catch (const std::bad_alloc&) {
  }
  h.hooks_off = true;
}

void helper_registry::put_hooks_back(helper_batch batch) noexcept {
  lock_guard held(registry_mutex);
  for (const auto& h : batch) {
    put_hooks_back(*h);
    h->rest();
  }
}

result<void> helper_registry::take_hooks_off(helper_batch batch, int how, run_wait& wait) {
  reader_wait readers;
  {
    lock_guard held(registry_mutex);
    const auto may_call = [batch](const published_set& set) {
      return std::any_of(batch.begin(), batch.end(),
                         [&](const auto& h) { return hook_registry::has_hook_of(*h, set); });
    };
    point_changes changes;
    for (const auto& h : batch)
      the_hooks().plan_removal(*h, changes);
    if (auto done = changes.prepare(); !done)
      return done;
    readers.prepare(changes.size(), may_call);
    for (const auto& h : batch) {
      h->hooks_off = true;
      h->leave(how == KHELP_UNLOAD_REFUSE && !h->is_quiesced());
    }
    changes.commit();
    readers.include(may_call);
  }
  switch (readers.finish(wait)) {
    case waited::done:
      return {};
    case waited::too_late:
      return still_inside({"helper '", batch.front()->name, "': not unloaded, "}, wait.who());
    default:
      return barrier_refused(*batch.front());
  }
}

helper_registry::memory_to_disable helper_registry::prepare_to_disable(helper_batch batch) {
  memory_to_disable memory;
  for (std::size_t i = 0; i < batch.size(); ++i)
    memory.readers.push_back(std::make_unique<reader_wait>());
  memory.list = std::make_unique<helper_list>();
  lock_guard held(registry_mutex);
  memory.list->kept.reserve(helpers_.size());
  memory.list->helpers.reserve(helpers_.size());
  return memory;
}

// All of them, or none. Once their hooks are off, it takes memory only if helpers were loaded meanwhile.
result<void> helper_registry::disable(helper_batch batch, memory_to_disable memory) {
  auto& [readers, list] = memory;
  lock_guard held(registry_mutex);
  point_changes changes;
  for (const auto& h : batch)
    the_hooks().plan_removal(*h, changes);
  if (auto done = changes.prepare(); !done)
    return done;
  fill(*list, nullptr, batch);
  for (std::size_t i = 0; i < batch.size(); ++i)
    readers[i]->prepare(changes.size(), sets_of(*batch[i]));

  // Nothing fails from here on.
  const bool end_them = !would_wait_for_itself();
  for (const auto& h : batch)
    h->go(end_them);
  changes.commit();
  publish(std::move(list));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    helper& h = *batch[i];
    readers[i]->include(sets_of(h));
    the_hooks().forget(h);
    h.taken_off.clear();
    h.readers = std::move(readers[i]);
  }
  return {};
}

void helper_registry::leave_behind(helper_batch batch) noexcept {
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      h->become_zombie(true);
    }
  }
  reap();
}

result<void> helper_registry::unload(std::span<const std::int32_t> ids, int how,
                                     const deadline& limit) {
  const bool inside = would_wait_for_itself();
  std::vector<std::shared_ptr<helper>> batch;
  std::vector<helper*> all;
  std::vector<reader_wait*> readers;
  for (const std::int32_t id : ids) {
    const std::shared_ptr<helper> h = find(id);
    if (h == nullptr)
      return failure(ENOENT, "no helper has id " + std::to_string(id));
    if (std::find(batch.begin(), batch.end(), h) != batch.end())
      return failure(EINVAL, quoted(h->name) + ": named twice");
    batch.push_back(h);
    all.push_back(h.get());
  }
  if (how != KHELP_UNLOAD_REFUSE && how != KHELP_UNLOAD_WAIT && how != KHELP_UNLOAD_REVOKE)
    return failure(EINVAL, "unknown way to unload");
  if (batch.empty())
    return {};
  if (inside && how == KHELP_UNLOAD_WAIT)
    return failure(EDEADLK, quoted(all.front()->name) +
                                ": waiting inside a hook or the end of data would never end");
  readers.reserve(batch.size());
  auto memory = prepare_to_disable(batch);
  run_wait wait(limit);
  if (auto claimed = claim(batch, how, limit); !claimed)
    return with_holders(std::move(claimed).error(), batch);
  // From here the helpers are ours.
  try {
    if (!inside && how != KHELP_UNLOAD_REVOKE) {
      // What can be taken back.
      auto off = take_hooks_off(batch, how, wait);
      if (!off && off.error().code != ENOSYS) {
        put_hooks_back(batch);
        return off;
      }
      if (off && how == KHELP_UNLOAD_REFUSE) {
        // Objects got its data meanwhile.
        {
          lock_guard held(registry_mutex);
          for (const auto& h : batch)
            h->check_again();
        }
        if (auto free = check_free_for_good(batch); !free) {
          put_hooks_back(batch);
          return with_holders(std::move(free).error(), batch);
        }
      }
    }
    if (auto done = disable(batch, std::move(memory)); !done) {
      put_hooks_back(batch);
      return done;
    }
  } catch (...) {
    put_hooks_back(batch);
    throw;
  }
  if (inside)
    return {};
  for (helper* h : all)
    readers.push_back(h->readers.get());
  waited outcome = reader_wait::finish_all(readers, wait);
  if (outcome == waited::done)
    outcome = revoke_data(all, &wait);
  if (outcome == waited::too_late && how != KHELP_UNLOAD_REVOKE) {
    // No object holds their data, but a thread that asks whether they give any holds a reference for an
    // instant. An unload whose time was just over then does not leave a zombie because of that.
    run_wait for_an_instant(deadline::of_call(KHELP_TIMEOUT_DEFAULT));
    outcome = revoke_data(all, &for_an_instant);
  }
  if (outcome == waited::refused) {
    lock_guard held(registry_mutex);
    for (helper* h : all)
      h->become_zombie(false);
    return barrier_refused(*all.front());
  }
  if (outcome == waited::too_late) {
    leave_behind(batch);
    return still_inside(
        {"helper '", all.front()->name, "': its hooks are off, and it goes when it can (zombie): "},
        wait.who());
  }
  for (helper* h : all)
    bury(*h);
  reap();
  return {};
}

}  // namespace khelp
