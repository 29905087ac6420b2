// hhook(9): the C face of the hook registry.
#include <cstring>
#include <optional>
#include <string_view>

#include <khelp/hhook.h>
#include <khelp/vnet.h>

#include "base/cold_call.hpp"
#include "core/points/event_types.hpp"
#include "core/points/hhook_flags.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/stragglers.hpp"
#include "core/points/wishes.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

constexpr std::size_t longest_point_name = 63;

std::uintptr_t current_instance() {
  const khelp_vnet* vnet = khelp_vnet_current();
  return vnet == nullptr ? 0 : vnet->vnet_serial;
}

result<void> register_point(point_name name, khelp_hhook_head* storage, khelp_hhook_head** hhh,
                            const hook_registry::head_options& options) {
  if (auto checked = check_flags(options.flags); !checked)
    return checked;
  const bool virtualised = (options.flags & KHELP_HHOOK_HEADISINVNET) != 0;
  const std::uintptr_t vid = virtualised ? current_instance() : 0;
  if (virtualised && vid == 0)
    return failure(EINVAL,
                   "hook point " + to_string(name) + ": no instance is current on this thread");
  if (!options.event.empty()) {
    event_layout layout{options.fingerprint, 0, {}};
    if (options.fields != nullptr) {
      auto known = layout_in(*options.fields);
      if (!known)
        return std::move(known).error();
      if (known->fingerprint != options.fingerprint)
        return failure(EINVAL,
                       "struct khelp_hhook_head_x: the fields are of another layout than "
                       "the fingerprint");
      layout = std::move(*known);
    }
    if (auto declared = declare_event(options.event, std::move(layout)); !declared)
      return declared;
  }
  auto added = the_hooks().add_point(name, storage, hhh != nullptr, vid, options);
  if (!added)
    return std::move(added).error();
  if (hhh != nullptr)
    *hhh = *added;
  reap();
  return {};
}

int set_suspended(bool suspended, const char* helper, const char* point, std::uint32_t* changed) {
  return cold_call([&]() -> result<void> {
    if (changed != nullptr)
      *changed = 0;
    if (helper == nullptr)
      return failure(EINVAL, "whose hooks? No helper was given");
    auto count = the_hooks().set_suspended(suspended, helper, point);
    if (!count)
      return std::move(count).error();
    if (changed != nullptr)
      *changed = *count;
    return {};
  });
}

// epoch: the caller's first act. Runs that begin from then on are not waited for.
int synchronize(khelp_hhook_head* hhh, std::uint64_t epoch, std::int64_t timeout_ns) {
  return cold_call([&]() -> result<void> {
    if (inside_section())
      return failure(EDEADLK, "waiting inside a hook would never end");
    run_wait wait(deadline::of_call(timeout_ns));
    switch (wait_for_runs(hhh, hhh != nullptr ? hhh->hhh_deep : deep_total, wait, epoch)) {
      case waited::done:
        reap();
        return {};
      case waited::too_late:
        return still_inside({}, wait.who());
      default:
        return failure(ENOSYS, "membarrier(2) is refused: nothing is known of other threads");
    }
  });
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

int khelp_hhook_head_register(int32_t type, int32_t id, khelp_hhook_head** hhh, uint32_t flags) {
  return cold_call([&] {
    hook_registry::head_options options;
    options.flags = flags;
    return register_point({type, id}, nullptr, hhh, options);
  });
}

int khelp_hhook_head_register_x(int32_t type, int32_t id, khelp_hhook_head* storage,
                                khelp_hhook_head** hhh, const khelp_hhook_head_x* x) {
  return cold_call([&]() -> result<void> {
    hook_registry::head_options options;
    if (x != nullptr) {
      khelp_hhook_head_x given{};
      if (x->size < offsetof(khelp_hhook_head_x, fingerprint))
        return failure(EINVAL, "struct khelp_hhook_head_x: its size is not set");
      std::memcpy(&given, x, std::min<std::size_t>(x->size, sizeof given));
      options.flags = given.flags;
      options.words = given.name != nullptr ? given.name : "";
      options.event = given.event != nullptr ? given.event : "";
      options.fingerprint = given.fingerprint;
      options.recursion_limit = given.recursion_limit;
      options.when_skipped = given.result_when_skipped;
      options.fields = given.fields;
    }
    return register_point({type, id}, storage, hhh, options);
  });
}

int khelp_hhook_head_deregister(khelp_hhook_head* hhh) {
  return cold_call([&]() -> result<void> {
    if (hhh == nullptr)
      return failure(ENOENT, "no hook point was given");
    run_wait for_ever;
    auto removed = the_hooks().remove_point(hhh, false, for_ever);
    if (removed)
      reap();
    return removed;
  });
}

int khelp_hhook_head_deregister_timed(khelp_hhook_head* hhh, int64_t timeout_ns) {
  return cold_call([&]() -> result<void> {
    if (hhh == nullptr)
      return failure(ENOENT, "no hook point was given");
    run_wait wait(deadline::of_call(timeout_ns));
    auto removed = the_hooks().remove_point(hhh, true, wait);
    reap();
    return removed;
  });
}

int khelp_hhook_head_deregister_lookup(int32_t type, int32_t id) {
  return cold_call([&]() -> result<void> {
    run_wait for_ever;
    auto removed = the_hooks().remove_point({type, id}, current_instance(), for_ever);
    if (removed)
      reap();
    return removed;
  });
}

khelp_hhook_head* khelp_hhook_head_get(int32_t type, int32_t id) {
  return the_hooks().get({type, id}, current_instance());
}

void khelp_hhook_head_release(khelp_hhook_head* hhh) {
  the_hooks().release(hhh);
}

uint32_t khelp_hhook_head_is_virtualised(khelp_hhook_head* hhh) {
  return hhh != nullptr && hhh->hhh_vid != 0 ? KHELP_HHOOK_HEADISINVNET : 0;
}

uint32_t khelp_hhook_head_is_virtualised_lookup(int32_t type, int32_t id) {
  lock_guard held(registry_mutex);
  const hook_point_record* point = the_hooks().find({type, id}, current_instance());
  return point != nullptr && point->vid != 0 ? KHELP_HHOOK_HEADISINVNET : 0;
}

int khelp_hhook_name(const char* name, int32_t* type, int32_t* id) {
  return cold_call([&]() -> result<void> {
    const std::string_view words = name != nullptr ? name : "";
    if (words.empty() || words.size() > longest_point_name)
      return failure(EINVAL, "a point's name has 1 to 63 characters");
    auto pair = the_hooks().pair_for(std::string(words));
    if (!pair)
      return std::move(pair).error();
    *type = pair->type;
    *id = pair->id;
    return {};
  });
}

int khelp_hhook_remove_hook(khelp_hhook_head* hhh, khelp_hookinfo* hki) {
  return cold_call([&]() -> result<void> {
    if (hhh == nullptr)
      return failure(ENOENT, "no hook point was given");
    run_wait for_ever;
    auto removed = the_hooks().remove_hook(hhh, *hki, for_ever);
    if (!removed)
      return std::move(removed).error();
    reap();
    return {};
  });
}

int khelp_hhook_remove_hook_lookup(khelp_hookinfo* hki) {
  return cold_call([&]() -> result<void> {
    run_wait for_ever;
    auto removed = the_hooks().unsubscribe(*hki, for_ever);
    if (!removed)
      return std::move(removed).error();
    reap();
    return {};
  });
}

int khelp_hhook_remove_hook_x(khelp_hookinfo* hki, uint32_t* removed) {
  return khelp_hhook_remove_hook_timed(nullptr, hki, KHELP_TIMEOUT_NONE, removed);
}

int khelp_hhook_remove_hook_timed(khelp_hhook_head* hhh, khelp_hookinfo* hki, int64_t timeout_ns,
                                  uint32_t* removed) {
  return cold_call([&]() -> result<void> {
    run_wait wait(deadline::of_call(timeout_ns));
    auto count = hhh != nullptr ? the_hooks().remove_hook(hhh, *hki, wait)
                                : the_hooks().unsubscribe(*hki, wait);
    if (removed != nullptr)
      *removed = count ? *count : 0;
    if (!count)
      return std::move(count).error();
    reap();
    if (*count == 0)
      return failure(ENOENT, "no such hook at point " + to_string({hki->hook_type, hki->hook_id}));
    return {};
  });
}

void khelp_hhook_run_hooks_lookup(int32_t type, int32_t id, void* ctx, khelp_osd* hosd) {
  khelp_hhook_head* head = nullptr;
  std::uint32_t depth = 0;
  // Opened while the point cannot go; from then on it keeps the point itself.
  std::optional<any_section> section;
  {
    lock_guard held(registry_mutex);
    const hook_point_record* point = the_hooks().find({type, id}, current_instance());
    if (point == nullptr || !khelp_hhooks_enabled(point->head))
      return;
    head = point->head;
    depth = depth_of(head);
    section.emplace(head, &head->hhh_hooks, head->hhh_deep, hosd);
  }
  run_found(*section, depth, *head, ctx, hosd);
}

int khelp_hhook_synchronize(khelp_hhook_head* hhh) {
  return synchronize(hhh, begin_epoch(), KHELP_TIMEOUT_NONE);
}

int khelp_hhook_synchronize_timed(khelp_hhook_head* hhh, int64_t timeout_ns) {
  return synchronize(hhh, begin_epoch(), timeout_ns);
}

int khelp_hhook_resume_hook(khelp_hookinfo* hki) {
  return cold_call([&] { return the_hooks().resume(*hki); });
}

int khelp_hhook_resume(const char* helper, const char* point, uint32_t* changed) {
  return set_suspended(false, helper, point, changed);
}

int khelp_hhook_suspend(const char* helper, const char* point, uint32_t* changed) {
  return set_suspended(true, helper, point, changed);
}

}  // extern "C"
