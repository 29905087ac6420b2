#include "core/points/hook_registry.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <new>
#include <sched.h>
#include <string_view>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/thread_text.hpp"
#include "core/points/hook_owner.hpp"
#include "core/points/stragglers.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

constexpr std::uint32_t default_recursion_limit = 8;

result_rule rule_of(std::uint32_t flags) {
  if (flags & KHELP_HHOOK_RESULT_FIRST)
    return result_rule::first;
  if (flags & KHELP_HHOOK_RESULT_STRICTEST)
    return result_rule::strictest;
  return result_rule::ignore;
}

hook_point_record* record_of(khelp_hhook_head* head) {
  return head == nullptr ? nullptr : static_cast<hook_point_record*>(load_acquire(head->hhh_point));
}

bool matches(const subscription& wish, const khelp_hookinfo& which) {
  return wish.same_hook(which) &&
         (which.hook_helper == nullptr || which.hook_helper == wish.info.hook_helper);
}

// Whether a retired set has a hook that `is_one` picks: a run that uses it may still call that hook.
template <class Fn>
bool any_hook(const published_set& retired, const Fn& is_one) {
  const auto* set = dynamic_cast<const hook_set*>(&retired);
  return set != nullptr && std::any_of(set->owners.begin(), set->owners.end(),
                                       [&](const auto& hook) { return is_one(hook->wish()); });
}

std::string misfit_words(const subscription& wish, const hook_point_record& point) {
  return "its event is '" + point.event + "', the hook was built for '" + wish.event +
         "' of another name or layout";
}

failure no_point(point_name name) {
  return {ENOENT, "hook point " + to_string(name) + ": not registered"};
}

failure memory_stays() {
  return {ENOSYS, "hook point: deregistered, but membarrier(2) is refused: its memory stays"};
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

// Hooks that were taken off a point. Whoever does that inside a hook does not wait for runs: those that
// are under way, its own above all, call the hooks no more. Who waits for runs lets them end as they
// began: one that was to meet the hook meets it, and not neither it nor the one that took its place.
void mark_removed(const publication& place, const attachment_list& hooks) noexcept
    KHELP_REQUIRES(registry_mutex) {
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

// Of a set that was made without looking at them.
void show_marks(hook_set& set) {
  for (std::uint32_t i = 0; i < set.count; ++i) {
    if (set.owners[i]->marks() != 0)
      set.show_marks(i);
  }
}

// A hook that was taken off instances one by one is wished for in those to come only. When its owner
// adds it again, everywhere, the new wish takes the old one's place: two would meet in the next
// instance. (Where the old one is attached, the new one is refused already.)
bool supersedes(const subscription& wish, const subscription& old) {
  return wish.everywhere && old.everywhere && wish.owner == old.owner && !old.taken_off.empty();
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

// A name that is looked up to be filled: if nothing comes of it, it goes again.
class hook_registry::name_in_use {
 public:
  name_in_use(hook_registry& registry, point_name n) : name(n), registry_(registry) {}
  name_in_use(const name_in_use&) = delete;
  name_in_use& operator=(const name_in_use&) = delete;
  ~name_in_use() KHELP_NO_TSA { registry_.forget_name_if_unused(name); }

  const point_name name;

 private:
  hook_registry& registry_;
};

// Who asks for both a point's name and its pair is called once.
bool hook_registry::is_wished_for(std::span<const std::shared_ptr<subscription>> wishes,
                                  const subscription& wish) {
  return std::any_of(wishes.begin(), wishes.end(),
                     [&](const auto& other) { return other->same_hook(wish.info); });
}

// The name of a point that has a pair of its own becomes that pair's: hooks that asked for the name
// before are meant for the point, and so is the pair that the name had until now. If nothing comes of
// the point, all is as it was.
class hook_registry::naming {
 public:
  naming(hook_registry& registry, const std::string& words, point_name pair) KHELP_NO_TSA
      : registry_(registry),
        words_(words),
        pair_(pair) {
    if (words.empty() || pair.type == KHELP_HHOOK_TYPE_NAMED)
      return;
    const auto [at, fresh] = registry.pairs_.try_emplace(words, pair);
    fresh_ = fresh;
    if (fresh || at->second == pair)
      return;
    const auto asked_for = registry.names_.find(at->second);
    is_taken_ = at->second.type != KHELP_HHOOK_TYPE_NAMED ||
                (asked_for != registry.names_.end() && !asked_for->second.points.empty());
    if (is_taken_)
      return;
    before_ = at->second;
    registry.meanings_.emplace(before_, pair);
    changes_ = true;
    if (asked_for == registry.names_.end())
      return;
    moved_ = &asked_for->second.wishes;
    auto& wishes = registry.names_[pair].wishes;
    wishes.reserve(wishes.size() + moved_->size());
  }
  naming(const naming&) = delete;
  naming& operator=(const naming&) = delete;
  ~naming() KHELP_NO_TSA {
    if (fresh_)
      registry_.pairs_.erase(words_);
    if (changes_)
      registry_.meanings_.erase(before_);
  }

  // The name is another point's.
  bool is_taken() const { return is_taken_; }
  std::span<std::shared_ptr<subscription>> wishes() const {
    return moved_ == nullptr ? std::span<std::shared_ptr<subscription>>() : std::span(*moved_);
  }

  void commit() noexcept KHELP_NO_TSA {
    if (changes_)
      registry_.pairs_.find(words_)->second = pair_;
    if (moved_ != nullptr) {
      auto& wishes = registry_.names_.find(pair_)->second.wishes;
      for (auto& wish : *moved_) {
        if (!is_wished_for(wishes, *wish))
          wishes.push_back(std::move(wish));
      }
      registry_.names_.erase(before_);
    }
    fresh_ = changes_ = false;
  }

 private:
  hook_registry& registry_;
  const std::string& words_;
  const point_name pair_;
  point_name before_{};  // the pair that the name had
  std::vector<std::shared_ptr<subscription>>* moved_ = nullptr;
  bool fresh_ = false;
  bool changes_ = false;
  bool is_taken_ = false;
};

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

// ---- hook_point_record ----

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

// ---- point_changes ----

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

// ---- points ----

point_name hook_registry::meant(point_name name) const {
  if (name.type != KHELP_HHOOK_TYPE_NAMED)
    return name;
  const auto at = meanings_.find(name);
  return at == meanings_.end() ? name : at->second;
}

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

result<khelp_hhook_head*> hook_registry::add_point(point_name name, khelp_hhook_head* storage,
                                                   bool keep_reference, std::uintptr_t vid,
                                                   const head_options& options) {
  decide_barrier_mode();
  // Made before the lock, ended after it: a point that comes to nothing takes the lock when it
  // ends.
  std::unique_ptr<hook_point_record> point;
  std::vector<std::string> remarks;
  auto added = add_point_locked(name, storage, keep_reference, vid, options, point, remarks);
  for (const std::string& remark : remarks)
    log(KHELP_LOG_WARNING, {"hook point ", to_string(name), ": ", remark});
  return added;
}

result<khelp_hhook_head*> hook_registry::add_point_locked(point_name name,
                                                          khelp_hhook_head* storage,
                                                          bool keep_reference, std::uintptr_t vid,
                                                          const head_options& options,
                                                          std::unique_ptr<hook_point_record>& point,
                                                          std::vector<std::string>& remarks) {
  lock_guard held(registry_mutex);
  name = meant(name);
  const name_in_use in_use(*this, name);
  named& at = names_[name];
  if (!at.points.empty() && (at.points.begin()->first == 0) != (vid == 0))
    return failure(EEXIST, "hook point " + to_string(name) + ": registered " +
                               (vid == 0 ? "per instance" : "for the whole process"));
  if (vid != 0 && vid != default_instance_serial && !open_instances_.contains(vid))
    return failure(EINVAL, "hook point " + to_string(name) +
                               ": an instance has points from SI_SUB_HHOOK on, until it ends");
  if (at.points.contains(vid))
    return failure(EEXIST, "hook point " + to_string(name) + ": registered already");
  if (storage != nullptr && load_acquire(storage->hhh_point) != nullptr)
    return failure(EBUSY, "hook point " + to_string(name) + ": its storage is a registered point");

  const bool own = storage == nullptr;
  if (own)
    storage = static_cast<khelp_hhook_head*>(
        ::operator new(sizeof(khelp_hhook_head), std::align_val_t(alignof(std::max_align_t))));
  *storage = khelp_hhook_head{};
  storage->hhh_type = name.type;
  storage->hhh_id = name.id;
  storage->hhh_flags = vid == 0 ? 0 : 1;
  storage->hhh_vid = vid;

  try {
    point = std::make_unique<hook_point_record>(storage, own, name, vid);
  } catch (...) {
    if (own)
      ::operator delete(storage, std::align_val_t(alignof(std::max_align_t)));
    throw;
  }
  const bool has_name = !options.words.empty();
  const bool named_pair = name.type == KHELP_HHOOK_TYPE_NAMED;
  point->words = has_name ? options.words : named_pair ? words_for(name) : to_string(name);
  point->event = options.event;
  point->fingerprint = options.fingerprint;
  point->rule = rule_of(options.flags);
  point->recursion_limit =
      options.recursion_limit == 0 ? default_recursion_limit : options.recursion_limit;
  point->when_skipped = options.when_skipped;
  point->owner_reference = keep_reference;
  point->last_set = make_set(*point, {}, false);
  point->among_ended.emplace_back();

  // Helpers that came before the point.
  naming by_name(*this, options.words, name);
  if (by_name.is_taken())
    remarks.push_back("another point has the name '" + options.words + "': hooks find that one");
  point_changes changes;
  changes.touch(*point);
  std::vector<std::shared_ptr<subscription>> early = at.wishes;
  for (const auto& wish : by_name.wishes()) {
    if (!is_wished_for(at.wishes, *wish))
      early.push_back(wish);
    else
      remarks.push_back("helper '" + wish->owner_name +
                        "' hooks it by name and by number: it is called once");
  }
  for (const auto& wish : early) {
    if (!wants(*wish, vid))
      continue;
    if (!fits(*wish, *point)) {
      remarks.push_back("helper '" + wish->owner_name +
                        "' was built for another event layout and stays off");
      continue;
    }
    if (auto done = attach(wish, *point, changes); !done)
      return std::move(done).error();
  }
  if (auto done = changes.prepare(); !done)
    return std::move(done).error();

  const std::uint64_t serial = next_serial_++;
  point->serial = serial;
  hook_point_record* record = point.get();
  auto listed = points_.emplace(serial, std::move(point)).first;
  try {
    at.points.emplace(vid, record);
  } catch (...) {
    point = std::move(listed->second);
    points_.erase(listed);
    throw;
  }
  record->registered = true;
  storage->hhh_refcount = keep_reference ? 1 : 0;
  store_release(storage->hhh_point, static_cast<void*>(record));
  by_name.commit();
  changes.commit();
  return storage;
}

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

// ---- instances ----

void hook_registry::open_instance(std::uintptr_t vid) {
  lock_guard held(registry_mutex);
  open_instances_.insert(vid);
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

void hook_registry::forget_name_if_unused(point_name name) {
  auto at = names_.find(name);
  if (at != names_.end() && at->second.points.empty() && at->second.wishes.empty())
    names_.erase(at);
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

// ---- subscriptions ----

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
  const auto at = std::find_if(wishes.begin(), wishes.end(), [&](const auto& wish) {
    return wish->owner != nullptr && wish->owner->hooks_off && wish->wants(point.vid) &&
           matches(*wish, which);
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
  const auto taken = [&owner](const hook_point_record& point, const subscription& wish) {
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

// ---- hooks ----

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

// ---- names ----

result<point_name> hook_registry::pair_for(const std::string& words) {
  lock_guard held(registry_mutex);
  auto at = pairs_.find(words);
  if (at == pairs_.end()) {
    const point_name pair{KHELP_HHOOK_TYPE_NAMED, static_cast<std::int32_t>(named_.size())};
    named_.push_back(nullptr);  // if there is no memory for the rest, the number is nobody's
    at = pairs_.emplace(words, pair).first;
    named_.back() = &at->first;
  }
  return at->second;
}

std::string hook_registry::words_for(point_name name) {
  const auto number = static_cast<std::size_t>(name.id);
  if (name.type == KHELP_HHOOK_TYPE_NAMED && number < named_.size() && named_[number] != nullptr)
    return *named_[number];
  for (const auto& [words, pair] : pairs_) {
    if (pair == name)
      return words;
  }
  return to_string(name);
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
