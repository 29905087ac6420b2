// Helpers are loaded, completely or not at all.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <utility>

#include "base/log.hpp"
#include "base/number_text.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/registry_parts.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/zones/uma.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/reaper.hpp"

namespace khelp {
namespace {

constexpr std::size_t longest_name = KHELP_HELPER_NAME_MAXLEN - 1;

__thread module_scope* innermost_scope __attribute__((tls_model("initial-exec"))) = nullptr;

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
  h.gives_inline = h.starts_plainly && h.slot <= osd_slots::inline_slots && h.zone->alloc_work == 0;
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

}  // namespace

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
  const bool known =
      spec.bsd != nullptr && std::any_of(helpers_.begin(), helpers_.end(),
                                         [&](const auto& other) { return other->bsd == spec.bsd; });
  if (known)
    return failure(EALREADY, quoted(spec.name) + ": this struct is registered already");
  const auto [begin, end] = by_name_.equal_range(h->name);
  for (auto other = begin; other != end; ++other) {
    if (!other->second->is_zombie())
      return failure(EEXIST, quoted(spec.name) + ": a helper of this name is loaded");
  }
  h->block = take_counter_block();
  if (h->block == no_counter_block)
    return failure(ENOSPC, quoted(spec.name) + ": no counters left");
  helpers_.push_back(h);
  try {
    by_name_.emplace(h->name, h.get());
    h->slot = take_khelp_slot();
  } catch (const std::bad_alloc&) {
    strike(*h);
    throw;
  }
  if (h->slot == 0) {
    strike(*h);
    return failure(ENOSPC, quoted(spec.name) + ": all slots are in use");
  }
  h->id = khelp_slot_id(h->slot);
  h->load_order = next_order_++;
  return h;
}

void helper_registry::strike(const helper& h) noexcept {
  const auto [begin, end] = by_name_.equal_range(h.name);
  const auto named =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second == &h; });
  if (named != end)
    by_name_.erase(named);
  std::erase_if(helpers_, [&](const auto& p) { return p.get() == &h; });
}

// Undo reserve(), for a helper that was never published.
void helper_registry::discard(helper& h) {
  lock_guard held(registry_mutex);
  give_khelp_slot(h.slot);
  strike(h);
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
  h.go_live();
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

}  // namespace khelp
