#include "core/helpers/helper_registry.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <new>
#include <utility>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/number_text.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/points/stragglers.hpp"
#include "core/zones/uma.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/item_call.hpp"
#include "sync/reaper.hpp"

namespace khelp {
namespace {

constexpr std::size_t longest_name = KHELP_HELPER_NAME_MAXLEN - 1;
constexpr std::int64_t look_again_ns = 10'000'000;

__thread module_scope* innermost_scope __attribute__((tls_model("initial-exec"))) = nullptr;

std::string quoted(const std::string& name) {
  return "helper '" + name + "'";
}

result<void> validate(const helper_spec& spec) {
  if (spec.name.empty() || spec.name.size() > longest_name)
    return failure(EINVAL, quoted(spec.name) + ": a name has 1 to 15 characters");
  if ((spec.flags & KHELP_HELPER_NEEDS_OSD) != 0) {
    if (spec.classes == 0)
      return failure(EINVAL,
                     quoted(spec.name) + ": needs per-object data but names no class of objects");
    if (spec.zone == nullptr && spec.data_size == 0)
      return failure(EINVAL, quoted(spec.name) + ": needs per-object data of no size");
  }
  for (const auto& wish : spec.wishes) {
    if (wish->info.hook_func == nullptr)
      return failure(EINVAL, quoted(spec.name) + ": a hook has no function");
  }
  return {};
}

std::string objects_that(std::uint64_t objects, const char* one, const char* several) {
  return std::to_string(objects) + (objects == 1 ? " object " : " objects ") +
         (objects == 1 ? one : several);
}

// Somebody has a reference.
failure busy(const helper& h) {
  const helper::holders by = h.held_by();
  std::string words = quoted(h.name) + ": ";
  if (by.objects != 0 || by.in_hand == 0)
    words += objects_that(by.objects, "holds its data", "hold its data");
  else
    words += objects_that(by.in_hand, "is just being given its data, or losing it",
                          "are just being given its data, or losing it");
  return {EBUSY, std::move(words)};
}

failure barrier_refused(const helper& h) {
  return {ENOSYS,
          quoted(h.name) +
              ": its hooks are off, but membarrier(2) is refused: whether a thread is still "
              "inside cannot be known, so it stays (zombie)"};
}

// Data is aligned as its declaration says; where it says nothing, by its size.
uma::zone_spec zone_for(const helper_spec& spec) {
  uma::zone_spec zone;
  zone.name = spec.name.c_str();
  zone.size = spec.data_size;
  zone.ctor = spec.ctor;
  zone.dtor = spec.dtor;
  zone.align = static_cast<int>(std::clamp<std::size_t>(spec.data_align, 1, INT_MAX) - 1);
  zone.flags = KHELP_UMA_ZONE_OWNER;
  return zone;
}

// A failure without words says no memory: there may be none for words either.
failure about(const helper& h, failure why) {
  if (!why.detail.empty())
    why.detail = quoted(h.name) + ": " + why.detail;
  return why;
}

// Whom does making and ending its data call? A zone of the caller's may call anybody.
void know_its_calls(helper& h) {
  const bool constructs = h.native != nullptr && h.native->data_init != nullptr;
  const bool destroys = h.native != nullptr && h.native->data_fini != nullptr;
  h.starts_plainly = h.owns_zone && !constructs && !uma::has_constructor(h.zone);
  h.ends_plainly = !destroys && !uma::has_destructor(h.zone);
}

// The zone of its data: the caller's, or one of our own making.
result<void> take_zone(helper& h, const helper_spec& spec) {
  if (spec.zone == nullptr) {
    auto made = uma::create(zone_for(spec));
    if (!made)
      return about(h, std::move(made).error());
    h.owns_zone = true;
    h.zone = *made;
    uma::serve(h.zone, &h);
    know_its_calls(h);
    return {};
  }
  if (!uma::add_owners(spec.zone))
    return failure(EINVAL, quoted(h.name) +
                               ": its zone has been allocated from before a helper had it: "
                               "that memory has no place for who owns an item");
  if (!uma::serve(spec.zone, &h))
    return failure(EBUSY, quoted(h.name) + ": its zone is another helper's");
  h.zone = spec.zone;
  know_its_calls(h);
  return {};
}

// The zone is ended, and its address in the helper's declaration; or it is the caller's again.
void let_zone_go(helper& h) {
  khelp_uma_zone_t zone = std::exchange(h.zone, nullptr);
  if (zone == nullptr)
    return;
  if (!h.owns_zone) {
    uma::stop_serving(zone);
    return;
  }
  if (h.bsd != nullptr)
    h.bsd->h_zone = nullptr;
  khelp_uma_zdestroy(zone);
}

// Once, and the end goes on whatever it answers.
void call_mod_destroy(helper& h) noexcept {
  const auto destroy = std::exchange(h.mod_destroy, nullptr);
  if (destroy == nullptr)
    return;
  int answer = 0;
  guarded_to_the_end("helper", h.name, "its destroy", [&] { answer = destroy(); });
  if (answer != 0)
    log(KHELP_LOG_WARNING, {"helper '", h.name, "': its destroy answered that it failed"});
}

bool is_ending(std::uint32_t state) {
  return state == KHELP_HELPER_GOING || state == KHELP_HELPER_DEAD;
}

failure being_unloaded(const helper& h) {
  return {EALREADY, quoted(h.name) + ": is being unloaded"};
}

// Nobody decides about it (any more): what it is then.
void rest(helper& h) KHELP_REQUIRES(registry_mutex) {
  const bool drains = h.waiting_unloads != 0 || h.quiesced;
  h.set_state(drains ? KHELP_HELPER_DRAINING : KHELP_HELPER_LIVE);
}

void rest_unless_claimed(helper& h) KHELP_REQUIRES(registry_mutex) {
  if (h.state() == KHELP_HELPER_LIVE || h.state() == KHELP_HELPER_DRAINING)
    rest(h);
}

void give_up_claims(helper_batch batch) KHELP_EXCLUDES(registry_mutex) {
  lock_guard held(registry_mutex);
  for (const auto& h : batch)
    rest(*h);
}

void claim_for_unload(helper& h) {
  h.take_in_hand();
  h.set_state(helper_checking);
}

void keep_quiesced(helper& h) {
  h.quiesced = true;
}

// A wait for its objects has taken too long; unless somebody ends it by now.
failure too_late(const helper& h) KHELP_EXCLUDES(registry_mutex) {
  lock_guard held(registry_mutex);
  if (is_ending(h.state()))
    return being_unloaded(h);
  if (h.attached() == 0)
    return {ETIMEDOUT, quoted(h.name) + ": another thread is unloading it"};
  failure words = busy(h);
  words.code = ETIMEDOUT;
  return words;
}

// Somebody holds data of one of them, now that nobody decides about them any more: who it is.
failure with_holders(failure why, helper_batch batch) KHELP_EXCLUDES(registry_mutex) {
  if (why.code != EBUSY && why.code != ETIMEDOUT)
    return why;
  for (const auto& h : batch) {
    if (h->attached() == 0)
      continue;
    try {
      why.detail += words_for_holders(h->id);
    } catch (const std::bad_alloc&) {  // the number says enough
    }
    break;
  }
  return why;
}

// A thread that attaches from now on sees the helpers' states, or its reference is counted.
result<void> have_states_seen(helper_batch batch) {
  std::vector<helper*> all;
  all.reserve(batch.size());
  for (const auto& h : batch)
    all.push_back(h.get());
  if (attachments_see_states(all))
    return {};
  return failure(ENOSYS, quoted(batch.front()->name) +
                             ": membarrier(2) is refused: whether a thread is just giving its data "
                             "to an object cannot be known");
}

// Of helpers that nobody else can end meanwhile.
result<void> check_free(helper_batch batch) {
  for (const auto& h : batch) {
    if (h->attached_as_told() != 0)
      return busy(*h);
  }
  return {};
}

// Wait until no object holds its data, or somebody ends it. It attaches no more meanwhile.
result<void> wait_until_free(helper& h, const deadline& limit) {
  const auto is_free = [&h] { return h.attached() == 0 || is_ending(h.state()); };
  if (is_free())
    return {};
  const event_count::watch watched(h.changes());
  while (true) {
    const std::uint32_t ticket = h.changes().ticket();
    if (is_free())
      return {};
    if (limit.has_passed())
      return too_late(h);
    h.changes().wait(ticket, look_again_ns);
  }
}

unsigned finish_unloads_of_the_helpers() {
  return the_helpers().finish_unloads();
}

}  // namespace

// ---- module_scope ----

module_scope::module_scope(std::uintptr_t code_begin, std::uintptr_t code_end,
                           std::function<void()> on_dead)
    : code_begin_(code_begin),
      code_end_(code_end),
      on_dead_(std::move(on_dead)),
      outer_(innermost_scope) {
  innermost_scope = this;
}

module_scope::~module_scope() {
  innermost_scope = outer_;
}

// ---- helper_registry ----

helper_registry& the_helpers() {
  // In place: it is there also when there is no memory.
  alignas(helper_registry) static std::byte storage[sizeof(helper_registry)];
  static auto* registry = new (storage) helper_registry;
  return *registry;
}

helper_registry::helper_registry() : place_(&place_, &current_, deep_) {
  add_reaper(finish_unloads_of_the_helpers);
  name_section(&place_, "khelp_init_osd()");
  name_section(object_section_key(), "an object section");
}

std::shared_ptr<helper> helper_registry::find(std::int32_t id) {
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    if (h->id == id && h->state() != KHELP_HELPER_COMING)
      return h;
  }
  return nullptr;
}

// By the record it names, else by where its code lies; nullptr: nobody's.
helper* helper_registry::owner_of(const khelp_hookinfo& hook) {
  const auto code = reinterpret_cast<std::uintptr_t>(hook.hook_func);
  for (const auto& h : helpers_) {
    if (hook.hook_helper != nullptr ? h->bsd == hook.hook_helper
                                    : h->code_begin <= code && code < h->code_end)
      return h.get();
  }
  return nullptr;
}

std::unique_ptr<helper_list> helper_registry::list_with(const helper* added, helper_batch removed) {
  auto list = std::make_unique<helper_list>();
  fill(*list, added, removed);
  return list;
}

void helper_registry::publish(std::unique_ptr<helper_list> list) noexcept {
  std::uint32_t beyond = 0;
  for (const helper* h : list->helpers) {
    if (h->slot > osd_slots::inline_slots || !h->starts_plainly)
      beyond |= h->classes;
  }
  note_classes_beyond(modules_stopped_ ? ~0U : beyond);
  place_.publish(list.release());
}

void helper_registry::fill(helper_list& list, const helper* added, helper_batch removed) {
  list.kept.reserve(helpers_.size());
  for (const auto& h : helpers_) {
    const std::uint32_t state = h->state();
    const bool listed =
        h.get() == added ||
        (state != KHELP_HELPER_COMING && state != KHELP_HELPER_GOING && state != KHELP_HELPER_DEAD);
    if (listed && !h->is_stopped() && h->keeps_data() &&
        std::find(removed.begin(), removed.end(), h) == removed.end())
      list.kept.push_back(h);
  }
  list.helpers.reserve(list.kept.size());
  for (const auto& h : list.kept)
    list.helpers.push_back(h.get());
}

// ---- load ----

result<std::shared_ptr<helper>> helper_registry::reserve(const helper_spec& spec) {
  auto h = std::make_shared<helper>();
  h->name = spec.name;
  h->version = spec.version;
  h->classes = spec.classes;
  h->flags = spec.flags;
  h->native = spec.native;
  h->bsd = spec.bsd;
  h->data_size = spec.data_size;
  if (const module_scope* scope = innermost_scope) {
    h->code_begin = scope->code_begin_;
    h->code_end = scope->code_end_;
  }
  lock_guard held(registry_mutex);
  for (const auto& other : helpers_) {
    if (spec.bsd != nullptr && other->bsd == spec.bsd)
      return failure(EALREADY, quoted(spec.name) + ": this struct is registered already");
    if (other->name == spec.name && !other->zombie)
      return failure(EEXIST, quoted(spec.name) + ": a helper of this name is loaded");
  }
  helpers_.reserve(helpers_.size() + 1);
  h->block = take_counter_block();
  if (h->block == no_counter_block)
    return failure(ENOSPC, quoted(spec.name) + ": no counters left");
  h->slot = take_khelp_slot();
  if (h->slot == 0)
    return failure(ENOSPC, quoted(spec.name) + ": all slots are in use");
  h->id = khelp_slot_id(h->slot);
  h->load_order = next_order_++;
  helpers_.push_back(h);
  return h;
}

// Undo reserve(), for a helper that was never published.
void helper_registry::discard(helper& h) {
  lock_guard held(registry_mutex);
  give_khelp_slot(h.slot);
  std::erase_if(helpers_, [&](const auto& p) { return p.get() == &h; });
}

result<void> helper_registry::go_live(helper& h, std::vector<std::shared_ptr<subscription>>& wishes,
                                      std::vector<std::string>& waiting_for) {
  lock_guard held(registry_mutex);
  wishes.insert(wishes.end(), h.early_wishes.begin(), h.early_wishes.end());
  std::uint32_t index = 0;
  for (const auto& wish : wishes) {
    wish->owner = &h;
    wish->owner_name = h.name;
    wish->slot = h.keeps_data() ? h.slot : 0;
    wish->load_order = h.load_order;
    wish->index = index++;
    wish->totals = h.totals;
  }
  point_changes changes;
  for (const auto& wish : wishes) {
    the_hooks().reserve_wishes(*wish, wishes.size());
    if (auto done = the_hooks().plan(wish, changes); !done)
      return done;
  }
  // plan() compares with what is there; a table may also collide with itself.
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    for (std::size_t j = i + 1; j < wishes.size(); ++j) {
      if (wishes[i]->info.hook_type == wishes[j]->info.hook_type &&
          wishes[i]->info.hook_id == wishes[j]->info.hook_id &&
          wishes[i]->same_hook(wishes[j]->info))
        return failure(EEXIST, quoted(h.name) + ": its table names one hook twice");
    }
  }
  if (auto may = the_hooks().check_order(wishes); !may)
    return may;
  for (const auto& wish : wishes) {
    if (!the_hooks().waits_for_its_point(*wish))
      continue;
    const std::string point = the_hooks().words_for({wish->info.hook_type, wish->info.hook_id});
    if ((h.flags & KHELP_HELPER_POINTS_EXIST) != 0)
      return failure(ENOENT, quoted(h.name) + ": no point '" + point + "' is registered");
    waiting_for.push_back(point);
  }
  if (modules_stopped_ && h.code_begin != 0)
    return failure(ESHUTDOWN, quoted(h.name) + ": the process ends");
  auto list = list_with(&h, {});
  std::function<void()> on_dead = innermost_scope != nullptr ? innermost_scope->on_dead_ : nullptr;
  if (auto done = changes.prepare(); !done)
    return done;

  // Nothing fails from here on. Data before hooks: an object made once hooks run has data.
  set_khelp_slot_owner(h.slot, &h);
  h.on_dead = std::move(on_dead);
  h.set_state(KHELP_HELPER_LIVE);
  publish(std::move(list));
  for (auto& wish : wishes)
    the_hooks().keep(std::move(wish));
  h.early_wishes.clear();
  changes.commit();
  return {};
}

result<std::int32_t> helper_registry::load(helper_spec spec) {
  if (auto valid = validate(spec); !valid)
    return std::move(valid).error();
  // The name may be that of a helper whose unload nobody has finished yet.
  reap();
  auto reserved = reserve(spec);
  if (!reserved)
    return std::move(reserved).error();
  const std::shared_ptr<helper> kept = *reserved;
  helper& h = *kept;

  // Whatever ends the load early, a cancelled mod_init included, undoes it.
  struct undo_unless_done {
    helper_registry& registry;
    helper& h;
    bool done = false;
    ~undo_unless_done() {
      if (done)
        return;
      let_zone_go(h);
      call_mod_destroy(h);
      registry.discard(h);
    }
  } undo{*this, h};

  if (h.keeps_data()) {
    if (auto taken = take_zone(h, spec); !taken)
      return std::move(taken).error();
  }
  if (spec.bsd != nullptr)
    spec.bsd->h_zone = h.zone;
  if (spec.mod_init != nullptr) {
    if (int error = spec.mod_init())
      return failure(error, quoted(spec.name) + ": its init answered " + std::to_string(error) +
                                " (" + khelp_strerror(error) + ")");
  }
  h.mod_destroy = spec.mod_destroy;
  std::vector<std::string> waiting_for;
  if (auto done = go_live(h, spec.wishes, waiting_for); !done)
    return std::move(done).error();
  undo.done = true;
  log(KHELP_LOG_INFO, {"helper '", h.name, "' version ", number_text(h.version), ": registered"});
  for (const std::string& point : waiting_for)
    log(KHELP_LOG_WARNING,
        {"helper '", h.name, "': no point '", point, "' is registered: its hook waits for one"});
  if (spec.bsd != nullptr) {
    spec.bsd->h_id = h.id;
    spec.bsd->h_refcount = 0;
  }
  if (innermost_scope != nullptr)
    innermost_scope->helper = h.id;
  const std::int32_t id = h.id;
  reap();
  return id;
}

// ---- unload ----

result<void> helper_registry::drain(helper_batch batch, const deadline& limit,
                                    void (*then)(helper&)) {
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      if (is_ending(h->state()))
        return being_unloaded(*h);
    }
    for (const auto& h : batch) {
      ++h->waiting_unloads;
      rest_unless_claimed(*h);
    }
  }
  struct waiting {
    helper_batch batch;
    ~waiting() {
      lock_guard held(registry_mutex);
      for (const auto& h : batch) {
        --h->waiting_unloads;
        rest_unless_claimed(*h);
      }
    }
  } const meanwhile{batch};
  if (auto seen = have_states_seen(batch); !seen)
    return seen;
  // They attach no more, so each of them has to be waited for once.
  for (const auto& h : batch) {
    if (auto done = wait_until_free(*h, limit); !done)
      return done;
  }
  while (true) {
    helper* checked = nullptr;  // by somebody else, just now
    std::uint32_t ticket = 0;
    {
      lock_guard held(registry_mutex);
      for (const auto& h : batch) {
        if (is_ending(h->state()))
          return being_unloaded(*h);
        if (h->state() == KHELP_HELPER_DRAINING)
          continue;
        checked = h.get();
        ticket = h->changes().ticket();
      }
      if (checked == nullptr) {
        for (const auto& h : batch)
          then(*h);
        return {};
      }
    }
    if (limit.has_passed())
      return too_late(*checked);
    checked->changes().wait(ticket, look_again_ns);
  }
}

result<void> helper_registry::claim(helper_batch batch, int how, const deadline& limit) {
  if (how == KHELP_UNLOAD_WAIT)
    return drain(batch, limit, claim_for_unload);
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      if (h->state() != KHELP_HELPER_LIVE && h->state() != KHELP_HELPER_DRAINING)
        return being_unloaded(*h);
    }
    if (how == KHELP_UNLOAD_REFUSE) {
      if (auto free = check_free(batch); !free)
        return free;
    }
    for (const auto& h : batch)
      claim_for_unload(*h);
  }
  if (how == KHELP_UNLOAD_REVOKE)
    return {};
  return check_free_for_good(batch);
}

result<void> helper_registry::check_free_for_good(helper_batch batch) {
  // Also when there is no memory for the words of the answer.
  struct give_up_unless_done {
    helper_batch batch;
    bool done = false;
    ~give_up_unless_done() {
      if (!done)
        give_up_claims(batch);
    }
  } undo{batch};
  if (auto seen = have_states_seen(batch); !seen)
    return seen;
  auto free = check_free(batch);
  undo.done = free.has_value();
  return free;
}

namespace {

// Runs that use these may call the helper's hooks: also hooks that were removed while they run, and
// those of points that end.
auto sets_of(const helper& h) {
  return [&h](const published_set& set) { return hook_registry::has_hook_of(h, set); };
}

void set_states(helper_batch batch, std::uint32_t state) KHELP_REQUIRES(registry_mutex) {
  for (const auto& h : batch)
    h->set_state(state);
}

// What a helper is while its hooks are off and their runs are waited for.
std::uint32_t leaving(const helper& h, int how) KHELP_REQUIRES(registry_mutex) {
  const bool gives_data = how == KHELP_UNLOAD_REFUSE && !h.quiesced;
  return gives_data ? helper_leaving : helper_leaving_without_objects;
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
    rest(*h);
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
      h->set_state(leaving(*h, how));
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
  set_states(batch, KHELP_HELPER_GOING);
  changes.commit();
  publish(std::move(list));
  for (std::size_t i = 0; i < batch.size(); ++i) {
    helper& h = *batch[i];
    readers[i]->include(sets_of(h));
    the_hooks().forget(h);
    h.taken_off.clear();
    h.readers = std::move(readers[i]);
    h.in_hand = !would_wait_for_itself();
  }
  return {};
}

void helper_registry::leave_behind(helper_batch batch) noexcept {
  {
    lock_guard held(registry_mutex);
    for (const auto& h : batch) {
      h->in_hand = false;
      h->zombie = true;
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
          set_states(batch, helper_checking);
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
  if (outcome == waited::refused) {
    lock_guard held(registry_mutex);
    for (helper* h : all)
      h->zombie = true;
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

// A zombie stays in the hands of the thread that could not end it.
std::shared_ptr<helper> helper_registry::take_unfinished(std::uint64_t order) {
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    if (h->load_order > order && h->state() == KHELP_HELPER_GOING && !h->in_hand &&
        !h->is_stopped()) {
      h->take_in_hand();
      h->finishing = true;
      return h;
    }
  }
  return nullptr;
}

unsigned helper_registry::finish_unloads() noexcept {
  unsigned waiting = 0;
  {
    lock_guard held(registry_mutex);
    for (const auto& h : helpers_) {
      const std::uint32_t state = h->state();
      if (h->hooks_off && (state == KHELP_HELPER_LIVE || state == KHELP_HELPER_DRAINING))
        put_hooks_back(*h);
    }
  }
  std::shared_ptr<helper> h = take_unfinished(0);
  for (; h != nullptr; h = take_unfinished(h->load_order)) {
    if (h->readers != nullptr && h->readers->try_finish())
      h->readers.reset();
    helper* const alone = h.get();
    if (h->readers == nullptr && revoke_data({&alone, 1}, nullptr) == waited::done) {
      bury(*h);
    } else {
      ++waiting;
    }
    give_back(*h);
  }
  return waiting;
}

// One that has been buried is not in the list any more.
void helper_registry::give_back(helper& h) noexcept {
  lock_guard held(registry_mutex);
  h.in_hand = false;
  h.finishing = false;
  finished_.notify_all();
}

bool helper_registry::wait_for_finishers() {
  const auto self = pthread_self();
  lock_guard held(registry_mutex);
  while (true) {
    bool others = false;
    for (const auto& h : helpers_) {
      if (h->in_hand && h->state() != KHELP_HELPER_LIVE && h->state() != KHELP_HELPER_DRAINING &&
          pthread_equal(h->worker, self))
        return false;
      others = others || h->finishing;
    }
    if (!others)
      return true;
    finished_.wait(registry_mutex);
  }
}

bool helper_registry::is_whole(std::int32_t id) {
  lock_guard held(registry_mutex);
  return std::any_of(helpers_.begin(), helpers_.end(),
                     [id](const auto& h) { return h->id == id && !is_ending(h->state()); });
}

// The forking thread neither decides about a helper nor waits for its objects: nothing of strangers
// is called meanwhile. It may be loading or ending one.
void helper_registry::forget_other_threads() noexcept {
  new (&finished_) condition;
  for (const auto& h : helpers_) {
    forget_references_of_others(*h);
    h->walks = h->zone != nullptr ? h->zone->own_pins() : 0;
    h->waiting_unloads = 0;
    const bool others = pthread_equal(h->worker, pthread_self()) == 0;
    switch (h->state()) {
      case KHELP_HELPER_COMING:
        // Whatever its init had done is as lost as any other thread's work.
        if (others)
          h->set_state(KHELP_HELPER_GOING);
        [[fallthrough]];
      case KHELP_HELPER_GOING:
        h->in_hand = h->in_hand && !others;
        h->finishing = h->finishing && !others;
        break;
      default:
        rest(*h);
    }
  }
}

// No hook runs, no data is left: end the helper.
void helper_registry::bury(helper& h) {
  h.readers.reset();
  let_zone_go(h);
  call_mod_destroy(h);
  if (h.bsd != nullptr) {
    h.bsd->h_refcount = 0;
    h.bsd->h_id = 0;
  }
  // While its name is not free: whoever takes it next is told of later.
  log(KHELP_LOG_INFO, {"helper '", h.name, "' version ", number_text(h.version), ": unregistered"});
  {
    lock_guard held(registry_mutex);
    h.set_state(KHELP_HELPER_DEAD);
    give_khelp_slot(h.slot);
    std::erase_if(helpers_, [&](const auto& p) { return p.get() == &h; });
  }
  if (h.on_dead)
    h.on_dead();
}

// ---- the end of the process ----

bool helper_registry::stop_modules(std::span<const module_range> modules, std::int64_t timeout_ns) {
  reader_wait readers;
  std::vector<const helper*> stopped;
  const auto in_module = [&](const subscription& wish) {
    return std::find(stopped.begin(), stopped.end(), wish.owner) != stopped.end() ||
           std::any_of(modules.begin(), modules.end(), [&](const module_range& module) {
             return module.has(wish.info.hook_func) || module.has(wish.info.hook_udata);
           });
  };
  {
    lock_guard held(registry_mutex);
    modules_stopped_ = true;
    for (const auto& h : helpers_) {
      if (h->code_begin == 0)
        continue;
      stopped.push_back(h.get());
      h->stop();
    }
    auto list = list_with(nullptr, {});
    // Who reads an older list may be about to give an object data.
    const auto is_list = [](const published_set& set) {
      return dynamic_cast<const helper_list*>(&set) != nullptr;
    };
    readers.prepare(1, is_list);
    if (auto done = the_hooks().remove_all(in_module, readers); !done)
      return false;
    publish(std::move(list));
    readers.include(is_list);
  }
  const deadline limit(timeout_ns);
  while (!readers.is_ours_alone()) {
    if (limit.has_passed())
      return false;
    constexpr timespec a_moment{0, 1'000'000};
    nanosleep(&a_moment, nullptr);
  }
  return true;
}

// ---- asking ----

result<void> helper_registry::quiesce(std::int32_t id) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return failure(ENOENT, "no such helper");
  if (auto claimed = claim({&h, 1}, KHELP_UNLOAD_REFUSE, deadline(-1)); !claimed)
    return with_holders(std::move(claimed).error(), {&h, 1});
  lock_guard held(registry_mutex);
  keep_quiesced(*h);
  rest(*h);
  return {};
}

result<void> helper_registry::resume(std::int32_t id) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return {};
  lock_guard held(registry_mutex);
  h->quiesced = false;
  rest_unless_claimed(*h);
  return {};
}

result<void> helper_registry::drain(std::int32_t id, const deadline& limit) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return failure(ENOENT, "no such helper");
  if (would_wait_for_itself())
    return failure(EDEADLK,
                   quoted(h->name) + ": waiting inside a hook or the end of data would never end");
  if (auto drained = drain({&h, 1}, limit, keep_quiesced); !drained)
    return with_holders(std::move(drained).error(), {&h, 1});
  return {};
}

// ---- dynamic hooks ----

result<void> helper_registry::add_hook(std::shared_ptr<subscription> wish, bool strict) {
  if (wish->info.hook_func == nullptr)
    return failure(EINVAL, "a hook needs a function");
  lock_guard held(registry_mutex);
  helper* owner = owner_of(wish->info);
  if (owner == nullptr && wish->info.hook_helper != nullptr)
    return failure(ENOENT, "the hook's helper is not loaded");
  if (owner != nullptr) {
    const std::uint32_t state = owner->state();
    if (state == KHELP_HELPER_GOING || state == KHELP_HELPER_DEAD)
      return failure(EALREADY, quoted(owner->name) + ": is being unloaded");
    if (owner->is_stopped())
      return failure(ESHUTDOWN, quoted(owner->name) + ": the process ends");
    wish->owner = owner;
    wish->owner_name = owner->name;
    wish->slot = owner->keeps_data() ? owner->slot : 0;
    wish->load_order = owner->load_order;
    wish->index = UINT32_MAX;  // behind its table
    wish->totals = owner->totals;
    if (state == KHELP_HELPER_COMING) {
      owner->early_wishes.push_back(std::move(wish));
      return {};
    }
  }
  return the_hooks().subscribe(std::move(wish), strict);
}

// ---- looking ----

helper_registry::pinned_helper::~pinned_helper() {
  if (zone == nullptr)
    return;
  zone->unpin(*pin);
  --is->walks;
  is->changes().notify_if_watched();
}

helper_registry::pinned_helper helper_registry::pin(std::int32_t id) {
  pinned_helper pinned;
  pinned.pin = std::make_unique<uma::zone_pin>();
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    if (h->id != id || h->state() == KHELP_HELPER_COMING || is_ending(h->state()))
      continue;
    pinned.is = h;
    if (h->zone == nullptr)
      continue;
    lock_guard zone_held(h->zone->lock);
    h->zone->pin(*pinned.pin);
    ++h->walks;
    pinned.zone = h->zone;
  }
  return pinned;
}

std::int32_t helper_registry::id_of(const char* name) {
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    const std::uint32_t state = h->state();
    const bool answers = state != KHELP_HELPER_COMING && !is_ending(state);
    if (answers && std::strncmp(h->name.c_str(), name, KHELP_HELPER_NAME_MAXLEN) == 0)
      return h->id;
  }
  return -1;
}

std::int32_t helper_registry::id_of(const khelp_helper* bsd) {
  lock_guard held(registry_mutex);
  for (const auto& h : helpers_) {
    if (bsd != nullptr && h->bsd == bsd)
      return h->id;
  }
  return -1;
}

result<void> helper_registry::describe(std::int32_t id, khelp_helper_description& into) {
  const std::shared_ptr<helper> h = find(id);
  if (h == nullptr)
    return failure(ENOENT, "no helper has id " + std::to_string(id));
  into.id = h->id;
  into.name = h->name.c_str();
  into.version = h->version;
  into.classes = h->classes;
  into.data_size = h->keeps_data() ? h->data_size : 0;
  into.fields = h->native != nullptr ? h->native->fields : nullptr;
  into.nfields = h->native != nullptr ? h->native->nfields : 0;
  into.report = h->native != nullptr ? h->native->report : nullptr;
  return {};
}

void helper_registry::for_each(const std::function<void(const helper&)>& fn) {
  for (const auto& h : helpers_)
    fn(*h);
}

void helper_registry::note_classes(std::uint32_t classes) noexcept {
  if ((load_relaxed(straight_giving.seen) & classes) != classes)
    set_bits(straight_giving.seen, classes);
}

bool helper_registry::knows_classes(std::uint32_t classes) const noexcept {
  return (load_relaxed(straight_giving.seen) & classes) != 0;
}

}  // namespace khelp
