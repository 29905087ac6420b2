// A point as the registry has it, and what becomes of its hooks in one step.
#include <algorithm>
#include <new>
#include <utility>

#include "core/points/hook_registry.hpp"
#include "core/points/registry_parts.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

// What a set's entry says of a hook.
void fill_entry(hook_entry& entry, const hook_point_record& point, const hook_attachment& hook,
                bool timed) {
  entry.fn = timed ? run_timed_hook : hook.wish().info.hook_func;
  entry.udata = timed ? const_cast<hook_attachment*>(&hook) : hook.wish().info.hook_udata;
  entry.type = point.name.type;
  entry.id = point.name.id;
  entry.slot = hook.wish().slot;
  entry.block = hook.block();
}

// Of a set that was made without looking at them.
void show_marks(hook_set& set) {
  for (std::uint32_t i = 0; i < set.count; ++i) {
    if (set.owners[i]->marks() != 0)
      set.show_marks(i);
  }
}

}  // namespace

hook_point_record::hook_point_record(khelp_hhook_head* storage, bool own, point_name n,
                                     std::uintptr_t instance)
    : head(storage),
      owns_head(own),
      name(n),
      vid(instance),
      place(storage, &storage->hhh_hooks, storage->hhh_deep) {}

void hook_point_record::end() {
  place.end();
  if (head != nullptr)
    store_release(head->hhh_point, static_cast<void*>(nullptr));
}

void hook_point_record::let_go() {
  // One of ours stays until the record ends.
  if (owns_head || head == nullptr)
    return;
  place.let_go();
  store_release(head->hhh_point, static_cast<void*>(nullptr));
  head = nullptr;
}

bool hook_point_record::is_in_use() const noexcept {
  // Of one that was let go the address says nothing: another point may be there by now. But what runs
  // use of it are its sets, and nobody else waits for those.
  if (head == nullptr)
    return place.has_retired();
  return !deep_left(head->hhh_deep, deep_when_ended) || section_is_open(head);
}

hook_point_record::~hook_point_record() {
  if (owns_head)
    ::operator delete(head, std::align_val_t(alignof(std::max_align_t)));
}

void mark_removed(const publication& place, const attachment_list& hooks) noexcept {
  if (hooks.empty() || !inside_section())
    return;
  for (const auto& hook : hooks)
    hook->mark(hook_attachment::removed);
  place.for_each_retired([](published_set& retired) {
    auto& set = static_cast<hook_set&>(retired);
    for (std::uint32_t i = 0; i < set.count; ++i) {
      if ((set.owners[i]->marks() & hook_attachment::removed) != 0)
        set.show_marks(i);
    }
  });
}

std::unique_ptr<hook_set> make_set(const hook_point_record& point, const attachment_list& hooks,
                                   bool timed) {
  auto set = hook_set::make(hooks.size());
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    fill_entry(set->entries()[i], point, *hooks[i], timed);
    set->owners.push_back(hooks[i]);
  }
  set->choose_way(point.rule);
  set->recursion_limit = point.recursion_limit;
  set->when_skipped = point.when_skipped;
  return set;
}

point_changes::next_state& point_changes::state_of(hook_point_record& point) {
  auto [at, fresh] = next_.try_emplace(&point);
  if (fresh)
    at->second.hooks = point.hooks;
  return at->second;
}

void point_changes::add(hook_point_record& point, std::shared_ptr<hook_attachment> hook) {
  state_of(point).hooks.push_back(std::move(hook));
}

void point_changes::remove(hook_point_record& point, const hook_attachment& hook) {
  next_state& next = state_of(point);
  const auto at = std::find_if(next.hooks.begin(), next.hooks.end(),
                               [&](const auto& h) { return h.get() == &hook; });
  if (at == next.hooks.end())
    return;
  next.removed.push_back(std::move(*at));
  next.hooks.erase(at);
}

void point_changes::touch(hook_point_record& point) {
  state_of(point);
}

result<void> point_changes::prepare() {
  for (auto& [point, next] : next_) {
    if (auto ordered = put_in_order(next.hooks); !ordered)
      return ordered;
    next.set = make_set(*point, next.hooks, the_hooks().timing());
  }
  return {};
}

void point_changes::commit() {
  for (auto& [point, next] : next_) {
    point->hooks = std::move(next.hooks);
    hook_set* set = next.set.release();
    point->place.publish(set);
    mark_removed(point->place, next.removed);
    // Pairs with suspend(): either it finds the set, or its mark is seen here.
    full_barrier();
    show_marks(*set);
    store_relaxed(point->head->hhh_nhooks, set->count);
  }
  next_.clear();
}

}  // namespace khelp
