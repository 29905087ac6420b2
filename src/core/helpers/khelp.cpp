// khelp(9): the C face of helpers and per-object data.
#include <algorithm>
#include <cstring>

#include <khelp/khelp.h>

#include "base/cold_call.hpp"
#include "base/log.hpp"
#include "core/helpers/attachment.hpp"
#include "core/helpers/helper_registry.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/objects/osd.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/points/wishes.hpp"
#include "sync/reaper.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

// osd_exit() on an object of helpers must drop their references as well (O-9).
[[gnu::constructor]] void end_objects_our_way() {
  osd::set_khelp_exit(khelp_destroy_osd);
}

// Nothing was found: none is there, or it was lent. Not inline, and called last: the fast path saves
// no registers for it.
[[gnu::noinline]] void* get_again(khelp_osd& osd, std::int32_t id) noexcept {
  if ((load_acquire(osd.osd_state) & osd_lent) != 0)
    const whole_object_guard given_back(osd);
  void* data = osd_slots::get(osd, khelp_id_slot(id));
  return khelp_id_is_current(id) ? data : nullptr;
}

std::string bounded_name(const char* name) {
  return {name, strnlen(name, KHELP_HELPER_NAME_MAXLEN)};
}

result<helper_spec> spec_of(const khelp_helper_x& given) {
  if (given.size < sizeof(khelp_helper_x) || given.name == nullptr)
    return failure(EINVAL, "struct khelp_helper_x: its size or name is not set");
  helper_spec spec;
  spec.name = given.name;
  spec.version = given.version;
  spec.classes = given.classes;
  spec.flags = given.flags;
  spec.native = &given;
  spec.data_size = given.data_size;
  spec.data_align = given.data_align;
  spec.mod_init = given.mod_init;
  spec.mod_destroy = given.mod_destroy;
  for (std::uint32_t i = 0; i < given.nhooks; ++i) {
    auto wish = make_wish(given.hooks[i]);
    if (!wish)
      return std::move(wish).error();
    (*wish)->info.hook_helper = nullptr;
    spec.wishes.push_back(std::move(*wish));
  }
  return spec;
}

// The caller's hook table is copied, and marked with its helper as upstream does.
helper_spec spec_of(khelp_helper& given) {
  helper_spec spec;
  spec.name = bounded_name(given.h_name);
  spec.version = 1;
  spec.classes = given.h_classes;
  spec.flags = given.h_flags & KHELP_HELPER_NEEDS_OSD;
  spec.bsd = &given;
  for (std::uint32_t i = 0; i < given.h_nhooks; ++i) {
    given.h_hooks[i].hook_helper = &given;
    spec.wishes.push_back(make_wish(given.h_hooks[i]));
  }
  return spec;
}

result<void> load_module(khelp_khelp_modevent_data& data) {
  khelp_helper& h = *data.helper;
  const std::string name = bounded_name(data.name);
  const bool needs_osd = (h.h_flags & KHELP_HELPER_NEEDS_OSD) != 0;
  if (needs_osd && data.uma_zsize <= 0)
    return failure(KHELP_EDOOFUS, "helper '" + name +
                                      "': keeps per-object data, so it must be declared with "
                                      "KHELP_DECLARE_MOD_UMA and a size");
  if (the_helpers().id_of(&h) > 0)
    return failure(EALREADY, "helper '" + name + "': this struct is registered already");
  std::memset(h.h_name, 0, sizeof h.h_name);
  name.copy(h.h_name, sizeof h.h_name - 1);
  h.h_hooks = data.hooks;
  h.h_nhooks = static_cast<std::uint32_t>(std::max(data.nhooks, 0));
  helper_spec spec = spec_of(h);
  spec.data_size = needs_osd ? static_cast<std::size_t>(data.uma_zsize) : 0;
  spec.ctor = data.umactor;
  spec.dtor = data.umadtor;
  spec.mod_init = h.mod_init;
  spec.mod_destroy = h.mod_destroy;
  auto loaded = the_helpers().load(std::move(spec));
  if (!loaded)
    return std::move(loaded).error();
  return {};
}

failure no_object() {
  return {EINVAL, "no object was given"};
}

// ENOENT counts as done: the load may have failed half way, or a revoke came first.
result<void> unload_module(const khelp_helper& h) {
  const std::int32_t id = the_helpers().id_of(&h);
  if (id < 0)
    return {};
  auto done =
      the_helpers().unload({&id, 1}, KHELP_UNLOAD_REFUSE, deadline::of_call(KHELP_TIMEOUT_DEFAULT));
  if (!done && done.error().code == EBUSY)
    log(KHELP_LOG_WARNING, {done.error().detail});
  return done;
}

result<void> handle_event(int event, khelp_khelp_modevent_data& data) {
  switch (event) {
    case KHELP_MOD_LOAD:
      return load_module(data);
    case KHELP_MOD_QUIESCE: {
      const std::int32_t id = the_helpers().id_of(data.helper);
      return id < 0 ? result<void>() : the_helpers().quiesce(id);
    }
    case KHELP_MOD_RESUME:
      return the_helpers().resume(the_helpers().id_of(data.helper));
    case KHELP_MOD_UNLOAD:
      return unload_module(*data.helper);
    case KHELP_MOD_SHUTDOWN:
      return {};
    default:
      return failure(EINVAL, "unknown module event");
  }
}

}  // namespace
}  // namespace khelp

using namespace khelp;

extern "C" {

int khelp_helper_register(const khelp_helper_x* x, int32_t* id) {
  return cold_call([&]() -> result<void> {
    auto spec = spec_of(*x);
    if (!spec)
      return std::move(spec).error();
    auto loaded = the_helpers().load(std::move(*spec));
    if (!loaded)
      return std::move(loaded).error();
    if (id != nullptr)
      *id = *loaded;
    return {};
  });
}

int khelp_helper_unregister(int32_t id, int how, int64_t timeout_ns) {
  return khelp_helpers_unregister(&id, 1, how, timeout_ns);
}

int khelp_helpers_unregister(const int32_t* ids, size_t count, int how, int64_t timeout_ns) {
  return cold_call([&] {
    return the_helpers().unload({ids, count}, how, deadline::of_call(timeout_ns));
  });
}

int khelp_helper_describe(int32_t id, khelp_helper_description* description) {
  return cold_call([&]() -> result<void> {
    if (description == nullptr || description->size < sizeof *description)
      return failure(EINVAL, "struct khelp_helper_description: its size is not set");
    return the_helpers().describe(id, *description);
  });
}

int khelp_register_helper(khelp_helper* h) {
  return cold_call([&]() -> result<void> {
    helper_spec spec = spec_of(*h);
    if ((h->h_flags & KHELP_HELPER_NEEDS_OSD) != 0 && h->h_zone == nullptr)
      return failure(EINVAL, "helper '" + spec.name + "': needs per-object data but has no zone");
    spec.zone = h->h_zone;
    auto loaded = the_helpers().load(std::move(spec));
    if (!loaded)
      return std::move(loaded).error();
    return {};
  });
}

int khelp_deregister_helper(khelp_helper* h) {
  return cold_call([&]() -> result<void> {
    const std::int32_t id = the_helpers().id_of(h);
    if (id < 0)
      return failure(ENOENT, "this helper is not registered");
    return the_helpers().unload({&id, 1}, KHELP_UNLOAD_REFUSE,
                                deadline::of_call(KHELP_TIMEOUT_DEFAULT));
  });
}

int khelp_drain(khelp_helper* h, int64_t timeout_ns) {
  return cold_call(
      [&] { return the_helpers().drain(the_helpers().id_of(h), deadline::of_call(timeout_ns)); });
}

int khelp_modevent(void*, int event, void* data) {
  return cold_call(
      [&] { return handle_event(event, *static_cast<khelp_khelp_modevent_data*>(data)); });
}

int khelp_reap(void) {
  clear_failure_text();
  return static_cast<int>(reap());
}

int khelp_init_osd(uint32_t classes, khelp_osd* hosd) {
  if (hosd != nullptr && attach_inline_data(classes, *hosd)) [[likely]]
    return 0;
  return cold_call([&]() -> result<void> {
    if (hosd == nullptr) [[unlikely]]
      return no_object();
    return attach_helpers(classes, *hosd);
  });
}

int khelp_destroy_osd(khelp_osd* hosd) {
  if (hosd == nullptr) [[unlikely]]
    return cold_call([]() -> result<void> { return no_object(); });
  return detach_helpers(*hosd);
}

void* khelp_get_osd(khelp_osd* hosd, int32_t id) noexcept {
  if (hosd == nullptr)
    return nullptr;
  // Invalid ids map to slot 0 or to no slot; both read as null. Read the value before checking the
  // id: a new owner of the slot publishes its id first.
  void* data = osd_slots::get(*hosd, khelp_id_slot(id));
  if (data == nullptr) [[unlikely]]
    return get_again(*hosd, id);
  return khelp_id_is_current(id) ? data : nullptr;
}

int khelp_helper_objects(int32_t id, int (*fn)(void* arg, const khelp_object* object), void* arg) {
  return cold_call([&] {
    return walk_objects(id, [&](const khelp_helper_x* native, const object_row& row) {
      khelp_object object{};
      object.size = sizeof object;
      object.state = static_cast<std::uint32_t>(row.state);
      object.classes = row.classes;
      object.nfields = static_cast<std::uint32_t>(row.values.size());
      object.name = row.name;
      object.fields = row.values.empty() ? nullptr : native->fields;
      object.values = row.state == KHELP_OBJECT_READ ? row.values.data() : nullptr;
      object.hosd = row.object;
      return fn(arg, &object) == 0;
    });
  });
}

int khelp_object_names(uint32_t one_class, khelp_object_name_t name) {
  return cold_call([&] { return set_object_names(one_class, name); });
}

int32_t khelp_get_id(const char* hname) {
  return hname == nullptr ? -1 : the_helpers().id_of(hname);
}

int khelp_class_has_osd(uint32_t classes) {
  return the_helpers().knows_classes(classes) ? 1 : 0;
}

int khelp_add_hhook(khelp_hookinfo* hki, uint32_t flags) {
  return khelp_hhook_add_hook_lookup(hki, flags);
}

int khelp_remove_hhook(khelp_hookinfo* hki) {
  return khelp_hhook_remove_hook_lookup(hki);
}

void khelp_osd_enter(khelp_osd* osd) noexcept {
  enter_object_section(object_section_key(), osd);
}

void khelp_osd_leave(khelp_osd*) noexcept {
  leave_object_section();
}

}  // extern "C"
