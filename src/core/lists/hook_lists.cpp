#include "core/lists/hook_lists.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

constexpr std::uint32_t removed_bit = 1;
constexpr std::uint32_t suspended_bit = 2;

template <std::size_t N>
void copy_name(char (&into)[N], const char* words) {
  if (words != nullptr)
    std::strncpy(into, words, N - 1);
}

std::uint64_t serial_of(const khelp_hook* handle) {
  return reinterpret_cast<std::uintptr_t>(handle);
}

listed_hooks* current_of(const khelp_hook_list& list) KHELP_REQUIRES(registry_mutex) {
  return static_cast<listed_hooks*>(list.place.current());
}

std::span<const std::shared_ptr<listed_hook>> hooks_on(const khelp_hook_list& list)
    KHELP_REQUIRES(registry_mutex) {
  const listed_hooks* now = current_of(list);
  return now == nullptr ? std::span<const std::shared_ptr<listed_hook>>() : now->hooks();
}

failure not_on_list() {
  return {ENOENT, "hook list: no such hook is on it"};
}

failure no_such_list() {
  return {ENOENT, "hook list: there is no such list"};
}

// Wait until no thread is inside the hook, with the caller's lock let go if somebody is. False:
// membarrier(2) is refused.
bool wait_until_left(listed_hook& hook, const held_lock* lock) {
  if (lock != nullptr) {
    if (none_is_deep(hook.deep) && !section_is_open(&hook))
      return true;
    lock->unlock(lock->held);
  }
  run_wait for_ever;
  const bool known = wait_for_runs(&hook, hook.deep, for_ever) == waited::done;
  if (lock != nullptr)
    lock->lock(lock->held);
  return known;
}

unsigned reap_hook_lists() {
  return the_hook_lists().reap();
}

}  // namespace

// ---- listed_hook ----

listed_hook::listed_hook(std::uint64_t number, const khelp_hook_x& x)
    : serial(number),
      callback(x.callback),
      proc_callback(x.proc_callback),
      pointer(x.pointer),
      arg(x.arg),
      release_(x.release) {
  copy_name(name, x.name);
}

khelp_hook* listed_hook::handle() const noexcept {
  return reinterpret_cast<khelp_hook*>(static_cast<std::uintptr_t>(serial));
}

bool listed_hook::runs() const noexcept {
  return load_in_section(state_) == 0;
}

bool listed_hook::is_removed() const noexcept {
  return (load_acquire(state_) & removed_bit) != 0;
}

bool listed_hook::is_suspended() const noexcept {
  return (load_acquire(state_) & suspended_bit) != 0;
}

bool listed_hook::remove() noexcept {
  return (set_bits(state_, removed_bit) & removed_bit) == 0;
}

bool listed_hook::take() noexcept {
  return exchange_if(state_, 0, removed_bit);
}

void listed_hook::suspend() noexcept {
  set_bits(state_, suspended_bit);
}

bool listed_hook::resume() noexcept {
  return (clear_bits(state_, suspended_bit) & suspended_bit) != 0;
}

void listed_hook::release_once() noexcept {
  if (release_ == nullptr || exchange(released_, 1) != 0)
    return;
  const std::string_view kind = name[0] != '\0' ? "hook" : "";
  const std::string_view whose = name[0] != '\0' ? name : "a hook of a hook list";
  guarded_to_the_end(kind, whose, "its release function", [this] { release_(arg); });
}

// ---- hook_lists ----

hook_lists& the_hook_lists() {
  // In place: it is there also when there is no memory.
  alignas(hook_lists) static std::byte storage[sizeof(hook_lists)];
  static auto* lists = new (storage) hook_lists;
  return *lists;
}

hook_lists::hook_lists() {
  add_reaper(reap_hook_lists);
}

khelp_hook_list* hook_lists::make(const char* name) {
  decide_barrier_mode();
  auto list = std::make_unique<khelp_hook_list>(name);
  lock_guard held(registry_mutex);
  lists_.insert(list.get());
  return list.release();
}

std::shared_ptr<listed_hook> hook_lists::find(khelp_hook_list* list, khelp_hook* which) {
  const std::uint64_t serial = serial_of(which);
  if (lists_.contains(list) || ended_.contains(list)) {
    const auto hooks = hooks_on(*list);
    auto at = std::lower_bound(hooks.begin(), hooks.end(), serial,
                               [](const auto& hook, std::uint64_t s) { return hook->serial < s; });
    if (at != hooks.end() && (*at)->serial == serial)
      return *at;
  }
  for (const listed_hook* hook = leaving_.get(); hook != nullptr; hook = hook->next_leaving.get()) {
    if (hook->next_leaving != nullptr && hook->next_leaving->serial == serial)
      return hook->next_leaving;
  }
  return leaving_ != nullptr && leaving_->serial == serial ? leaving_ : nullptr;
}

void hook_lists::republish(khelp_hook_list& list, std::shared_ptr<listed_hook> more) {
  constexpr std::size_t least_room = 4;
  const auto now = hooks_on(list);
  // A list that grows goes on growing; one that a hook left is copied again when the next one leaves.
  const std::size_t spare = more != nullptr ? now.size() : now.size() / 8;
  auto next = std::make_unique<listed_hooks>(std::max(least_room, now.size() + spare));
  // Nothing fails from here on.
  for (const auto& hook : now) {
    if (!hook->is_removed()) {
      next->add(hook);
      continue;
    }
    full_barrier();
    hook->deep_when_leaving = deep_mark(hook->deep);
    hook->next_leaving = std::move(leaving_);
    leaving_ = hook;
    untidy_ = true;  // until reap() has seen that nobody is inside
  }
  if (more != nullptr)
    next->add(std::move(more));
  list.place.publish(next.release());
}

void hook_lists::append(khelp_hook_list& list, std::shared_ptr<listed_hook> more) {
  listed_hooks* now = current_of(list);
  if (now != nullptr && now->has_room())
    now->add(std::move(more));
  else
    republish(list, std::move(more));
}

result<khelp_hook*> hook_lists::add(khelp_hook_list* list, const khelp_hook_x& x) {
  const int functions =
      (x.callback != nullptr) + (x.proc_callback != nullptr) + (x.pointer != nullptr);
  if (functions != 1)
    return failure(EINVAL, "a hook has exactly one function");
  khelp_hook* handle = nullptr;
  {
    lock_guard held(registry_mutex);
    if (!lists_.contains(list))
      return no_such_list();
    auto hook = std::make_shared<listed_hook>(next_serial_, x);
    handle = hook->handle();
    append(*list, std::move(hook));
    ++next_serial_;
  }
  khelp::reap();
  return handle;
}

result<void> hook_lists::remove(khelp_hook_list* list, khelp_hook* which, std::uint32_t flags,
                                const held_lock* lock) {
  std::shared_ptr<listed_hook> hook;
  bool was_on_list = false;
  {
    lock_guard held(registry_mutex);
    hook = find(list, which);
    if (hook != nullptr) {
      was_on_list = hook->remove();
      if (lists_.contains(list))
        has_removed(*list);
      tidy();
    }
  }
  if (!was_on_list && (flags & KHELP_HOOK_WARN) != 0)
    log(KHELP_LOG_WARNING, {"hook list: a hook was unregistered that is not on the list"});
  if (hook == nullptr)
    return not_on_list();
  const bool waits =
      depth_of(hook.get()) == 0 && (!inside_section() || (flags & KHELP_HOOK_WAIT) != 0);
  if (waits) {
    if (!wait_until_left(*hook, lock))
      return failure(ENOSYS,
                     "hook removed from new runs, but membarrier(2) is refused: whether a run is "
                     "still inside cannot be known");
    // Strangers' code: not under the caller's lock, nor inside another hook.
    if (lock == nullptr && !inside_section())
      hook->release_once();
  }
  if (lock == nullptr)
    khelp::reap();
  if (!was_on_list)
    return not_on_list();
  return {};
}

result<void> hook_lists::resume(khelp_hook_list* list, khelp_hook* which) {
  lock_guard held(registry_mutex);
  const auto hook = find(list, which);
  if (hook == nullptr || hook->is_removed())
    return not_on_list();
  if (!hook->resume())
    return failure(EALREADY, "the hook is not suspended");
  return {};
}

std::uint32_t hook_lists::count(khelp_hook_list* list) {
  lock_guard held(registry_mutex);
  if (!lists_.contains(list))
    return 0;
  const auto hooks = hooks_on(*list);
  return static_cast<std::uint32_t>(std::count_if(
      hooks.begin(), hooks.end(), [](const auto& hook) { return !hook->is_removed(); }));
}

result<hook_array> hook_lists::hooks_of(khelp_hook_list* list) {
  lock_guard held(registry_mutex);
  if (!lists_.contains(list))
    return no_such_list();
  const auto hooks = hooks_on(*list);
  hook_array found(hooks.begin(), hooks.end());
  std::erase_if(found, [](const auto& hook) { return hook->is_removed(); });
  return found;
}

// ---- ends ----

void hook_lists::take_apart(khelp_hook_list& list, hook_chain& gone) {
  for (const auto& hook : hooks_on(list)) {
    hook->next_leaving = std::move(gone);
    gone = hook;
  }
  list.place.end();
}

result<void> hook_lists::end(khelp_hook_list* list) {
  const bool inside = inside_section();
  {
    lock_guard held(registry_mutex);
    auto ended = lists_.extract(list);
    if (ended.empty())
      return no_such_list();
    for (const auto& hook : hooks_on(*list))
      hook->remove();
    full_barrier();
    list->deep_when_ended = deep_mark(list->deep);
    ended_.insert(std::move(ended));
    untidy_ = true;
    list->enders += inside ? 0 : 1;
  }
  if (inside)
    return {};
  run_wait for_ever;
  const bool known = wait_for_runs(list, list->deep, for_ever) == waited::done;
  {
    lock_guard held(registry_mutex);
    --list->enders;
  }
  khelp::reap();
  if (!known)
    return failure(ENOSYS, "hook list: ended, but membarrier(2) is refused: its memory stays");
  return {};
}

// ---- what is left behind ----

void hook_lists::tidy() noexcept {
  for (khelp_hook_list* list : lists_) {
    if (!list->untidy.exchange(false))
      continue;
    try {
      republish(*list, nullptr);
    } catch (const std::bad_alloc&) {
      has_removed(*list);
    }
  }
}

unsigned hook_lists::reap() {
  if (!untidy_)
    return 0;
  unsigned waiting = 0;
  hook_chain gone;
  {
    lock_guard held(registry_mutex);
    untidy_ = false;
    tidy();
    const bool known = heavy_barrier();
    hook_chain staying;
    while (leaving_ != nullptr) {
      hook_chain hook = std::move(leaving_);
      leaving_ = std::move(hook->next_leaving);
      const bool open = !known || !deep_left(hook->deep, hook->deep_when_leaving) ||
                        section_is_open_after_barrier(hook.get());
      hook_chain& to = open ? staying : gone;
      hook->next_leaving = std::move(to);
      to = std::move(hook);
      waiting += open ? 1 : 0;
    }
    leaving_ = std::move(staying);
    for (auto at = ended_.begin(); at != ended_.end();) {
      khelp_hook_list* const list = *at++;
      if (!known || list->enders != 0 || !deep_left(list->deep, list->deep_when_ended) ||
          section_is_open_after_barrier(list)) {
        ++waiting;
        continue;
      }
      take_apart(*list, gone);
      ended_.erase(list);
      delete list;
    }
    if (waiting != 0)
      untidy_ = true;
  }
  while (gone != nullptr) {
    gone->release_once();
    gone = std::move(gone->next_leaving);
  }
  return waiting;
}

void hook_lists::after_fork() {
  const auto alone = [](khelp_hook_list* list) KHELP_NO_TSA {
    forget_other_runner(*list);
    list->enders = 0;
    forget_deep(list->deep);
    for (const auto& hook : hooks_on(*list))
      forget_deep(hook->deep);
  };
  std::for_each(lists_.begin(), lists_.end(), alone);
  std::for_each(ended_.begin(), ended_.end(), alone);
  for (listed_hook* hook = leaving_.get(); hook != nullptr; hook = hook->next_leaving.get())
    forget_deep(hook->deep);
}

}  // namespace khelp

khelp_hook_list::khelp_hook_list(const char* words) : place(this, &hooks, deep) {
  khelp::copy_name(name, words);
}
