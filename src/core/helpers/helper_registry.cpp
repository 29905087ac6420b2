// All helpers, and what is asked of them. The files beside this one load them, decide whether they may
// go (claims), unload and finish them.
#include "core/helpers/helper_registry.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "core/helpers/attachment.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/registry_parts.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/points/stragglers.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/reaper.hpp"

namespace khelp {
namespace {

unsigned finish_unloads_of_the_helpers() {
  return the_helpers().finish_unloads();
}

}  // namespace

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
    if (!h->gives_inline)
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
    if (h->id != id || h->state() == KHELP_HELPER_COMING || h->is_ending())
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
    const bool answers = state != KHELP_HELPER_COMING && !h->is_ending();
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
  if ((load_relaxed(fast_givers.seen) & classes) != classes)
    set_bits(fast_givers.seen, classes);
}

bool helper_registry::knows_classes(std::uint32_t classes) const noexcept {
  return (load_relaxed(fast_givers.seen) & classes) != 0;
}

bool helper_registry::is_whole(std::int32_t id) {
  lock_guard held(registry_mutex);
  return std::any_of(helpers_.begin(), helpers_.end(),
                     [id](const auto& h) { return h->id == id && !h->is_ending(); });
}

}  // namespace khelp
