#include "core/objects/osd.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <utility>

#include "base/failure_text.hpp"
#include "base/guarded.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/objects/osd_types.hpp"

using namespace khelp;
using khelp::osd::slot_entry;
using khelp::osd::slot_use;
using khelp::osd::type;
using khelp::osd::types_mutex;

namespace khelp::osd {
std::uint32_t registrants = 0;
}

namespace {

std::atomic<int (*)(khelp_osd*)> khelp_exit{nullptr};

// Where the barrier is refused, threads that are in the middle of an init are not waited for: of their
// objects nobody else knows yet.
void note_registrant() noexcept {
  if (load_relaxed(khelp::osd::registrants) != 0)
    return;
  store_release(khelp::osd::registrants, ~0U);
  const khelp::shut_gate those_who_have_not_seen_it(khelp::object_gate);
}

int refuse(int error, const char* words) {
  set_failure_text(words);
  return error;
}

int no_slot(const char* words) {
  set_failure_text(words);
  return 0;
}

// ---- one object; its stripe is held ----

// Whether deregistration will find the object's values.
bool is_listed(const type& t, const khelp_osd& osd) {
  return t.linked ? load_relaxed(osd.osd_nslots) != 0
                  : (osd.osd_state & osd::has_registered_values) != 0;
}

// Make room for a slot, from `spare` if there is one and it is needed, and list the object. On
// ENOMEM everything is as it was.
int make_room(type& t, khelp_osd& osd, unsigned slot, void**& spare) {
  lock_guard held(t.objects.lock);
  const bool listed = is_listed(t, osd);
  if (!listed && !t.linked && !t.objects.enter(osd))
    return refuse(ENOMEM, "object data: no memory to keep track of the object");
  if (spare != nullptr && slot > load_relaxed(osd.osd_nslots)) {
    osd_slots::adopt_spare(osd, std::exchange(spare, nullptr));
  } else if (!osd_slots::reserve(osd, slot, !t.linked)) {
    if (!listed && !t.linked)
      t.objects.leave(osd);
    return refuse(ENOMEM, "object data: no memory for a larger slot array");
  }
  if (!listed && t.linked)
    t.objects.link(osd);
  if (!t.linked)
    store_release(osd.osd_state,
                  static_cast<std::uint16_t>(osd.osd_state | osd::has_registered_values));
  return 0;
}

// Have the struct all zero again, unless it holds values or is a helper host's initialised object.
void forget(type& t, khelp_osd& osd) KHELP_REQUIRES(t.objects.lock) {
  if (!is_listed(t, osd))
    return;
  if (t.linked) {
    t.objects.unlink(osd);
    osd_slots::free_arrays(osd);
    return;
  }
  t.objects.leave(osd);
  const auto rest = static_cast<std::uint16_t>(osd.osd_state & ~osd::has_registered_values);
  if (rest == 0)
    osd_slots::free_arrays(osd);
  // The last touch: the owner who finds the values gone need not take the stripe before it frees the
  // object (detach.cpp).
  store_release(osd.osd_state, rest);
}

void* take_value(khelp_osd& osd, unsigned slot) {
  return slot <= load_relaxed(osd.osd_nslots) ? osd_slots::exchange(osd, slot, nullptr) : nullptr;
}

// ---- values that go; no lock is held ----

void destroy(const slot_entry& entry, void* value) {
  if (value != nullptr && entry.destructor != nullptr)
    guarded_to_the_end("", "object data", "a slot's destructor", [&] { entry.destructor(value); });
}

void destroy_values(type& t, khelp_osd& osd) {
  for (unsigned slot = 1; slot <= load_acquire(osd.osd_nslots); ++slot) {
    const slot_use use(t, slot, slot_use::to_destroy);
    if (!use)
      continue;
    void* value = nullptr;
    {
      futex_guard held(osd_stripe(osd));
      value = take_value(osd, slot);
    }
    destroy(*use, value);
  }
  futex_guard held(osd_stripe(osd));
  lock_guard list_held(t.objects.lock);
  forget(t, osd);
}

constexpr std::size_t batch_size = 64;

struct batch {
  std::array<void*, batch_size> values;
  std::size_t taken = 0;
  bool more = false;           // there may be: ask again
  futex_lock* busy = nullptr;  // a stripe that somebody else had
};

// Take a slot's values out of objects. Stripes come before lists, so here they are only tried.
batch take_batch(type& t, unsigned slot) KHELP_NO_TSA {
  batch b;
  lock_guard held(t.objects.lock);
  t.objects.visit([&](khelp_osd& osd) KHELP_NO_TSA {
    if (osd_slots::get_unprotected(osd, slot) == nullptr)
      return false;
    if (b.taken == batch_size)
      return b.more = true;
    futex_lock& stripe = osd_stripe(osd);
    if (!stripe.try_lock()) {
      b.busy = &stripe;
      return b.more = true;
    }
    void* value = take_value(osd, slot);
    if (value != nullptr)
      b.values[b.taken++] = value;
    if (!osd_slots::any(osd))
      forget(t, osd);
    stripe.unlock();
    return false;
  });
  return b;
}

void destroy_all_values(type& t, unsigned slot, const slot_entry& entry) {
  bool more = true;
  while (more) {
    const batch b = take_batch(t, slot);
    for (std::size_t i = 0; i < b.taken; ++i)
      destroy(entry, b.values[i]);
    more = b.more;
    // Who has the stripe may be of lower priority: sleep until it is free.
    if (b.busy != nullptr) {
      const futex_guard was_free(*b.busy);
    }
  }
}

}  // namespace

// ---- types and slots ----

int khelp_osd_define_type(unsigned methods) {
  lock_guard held(types_mutex);
  for (unsigned number = KHELP_OSD_LAST + 1; number < osd::max_types; ++number) {
    if (type& t = osd::any_type(number); !t.defined) {
      t.methods = methods;
      t.defined = true;
      return static_cast<int>(number);
    }
  }
  return -refuse(ENOSPC, "object data: no number is left for another type");
}

int khelp_osd_register(unsigned type_number, khelp_osd_destructor_t destructor,
                       const khelp_osd_method_t* methods) {
  type* t = osd::find_type(type_number);
  if (t == nullptr)
    return no_slot("object data: no such type");
  khelp_osd_method_t* copied = nullptr;
  if (methods != nullptr && t->methods != 0) {
    copied = new (std::nothrow) khelp_osd_method_t[t->methods];
    if (copied == nullptr)
      return no_slot("object data: no memory for the methods");
    std::copy_n(methods, t->methods, copied);
  }
  if (type_number == KHELP_OSD_KHELP)
    note_registrant();
  lock_guard held(types_mutex);
  const unsigned slot = t->lowest_vacant();
  if (slot == 0) {
    delete[] copied;
    return no_slot("object data: all slots of the type are in use, or no memory");
  }
  slot_entry& entry = t->entry(slot);
  entry.destructor = destructor;
  entry.methods = copied;
  entry.state = slot_entry::registered;
  return static_cast<int>(slot);
}

void khelp_osd_deregister(unsigned type_number, unsigned slot) {
  type* t = osd::find_type(type_number);
  if (t == nullptr || slot == 0 || slot > t->slots())
    return;
  slot_entry& entry = t->entry(slot);
  {
    lock_guard held(types_mutex);
    if (entry.state != slot_entry::registered)
      return;
    entry.state = slot_entry::leaving;
  }
  osd::wait_for_uses(entry);
  destroy_all_values(*t, slot, entry);
  entry.state = slot_entry::left;
  osd::wait_for_uses(entry);
  lock_guard held(types_mutex);
  delete[] entry.methods;
  entry.methods = nullptr;
  entry.state = slot_entry::vacant;
}

int khelp_osd_call(unsigned type_number, unsigned method, void* object, void* data) {
  type* t = osd::find_type(type_number);
  if (t == nullptr || method >= t->methods)
    return refuse(EINVAL, "object data: no such type or method");
  for (unsigned slot = 1; slot <= t->slots(); ++slot) {
    const slot_use use(*t, slot, slot_use::to_store_or_call);
    if (!use || use->methods == nullptr || use->methods[method] == nullptr)
      continue;
    if (int error = use->methods[method](object, data))
      return error;
  }
  return 0;
}

// ---- values ----

void** khelp_osd_reserve(unsigned slot) {
  void** spare = osd_slots::make_spare(slot);
  if (spare == nullptr)
    set_failure_text("object data: no memory for that many slots, or too many");
  return spare;
}

void khelp_osd_free_reserved(void** reserved) {
  if (reserved != nullptr)
    osd_slots::free_spare(reserved);
}

int khelp_osd_set(unsigned type_number, struct khelp_osd* osd, unsigned slot, void* value) {
  return khelp_osd_set_reserved(type_number, osd, slot, nullptr, value);
}

int khelp_osd_set_reserved(unsigned type_number, struct khelp_osd* osd, unsigned slot,
                           void** reserved, void* value) {
  type* t = osd::find_type(type_number);
  if (t == nullptr)
    return refuse(EINVAL, "object data: no such type");
  const slot_use use(*t, slot, slot_use::to_store_or_call);
  if (!use)
    return refuse(EINVAL, "object data: the slot is not registered");
  if (reserved != nullptr && osd_slots::capacity(reserved) < slot)
    return refuse(EINVAL, "object data: the reservation is too short for the slot");
  {
    futex_guard held(osd_stripe(*osd));
    const bool has_room = slot <= load_relaxed(osd->osd_nslots) && is_listed(*t, *osd);
    if (!has_room && value != nullptr) {
      if (int error = make_room(*t, *osd, slot, reserved))
        return error;
    }
    if (slot <= load_relaxed(osd->osd_nslots))
      osd_slots::exchange(*osd, slot, value);
  }
  khelp_osd_free_reserved(reserved);
  return 0;
}

void* khelp_osd_get(unsigned type_number, struct khelp_osd* osd, unsigned slot) {
  return type_number < osd::max_types ? osd_slots::get_unprotected(*osd, slot) : nullptr;
}

void khelp_osd_del(unsigned type_number, struct khelp_osd* osd, unsigned slot) {
  type* t = osd::find_type(type_number);
  if (t == nullptr)
    return;
  const slot_use use(*t, slot, slot_use::to_destroy);
  if (!use)
    return;
  void* value = nullptr;
  {
    futex_guard held(osd_stripe(*osd));
    value = take_value(*osd, slot);
    if (!osd_slots::any(*osd)) {
      lock_guard list_held(t->objects.lock);
      forget(*t, *osd);
    }
  }
  destroy(*use, value);
}

void khelp_osd_exit(unsigned type_number, struct khelp_osd* osd) {
  type* t = osd::find_type(type_number);
  if (t == nullptr)
    return;
  if (auto* exit = khelp_exit.load(); exit != nullptr && type_number == KHELP_OSD_KHELP)
    exit(osd);
  else
    destroy_values(*t, *osd);
}

// ---- the core's own interface ----

namespace khelp::osd {

unsigned take_khelp_slot() {
  type& t = *find_type(KHELP_OSD_KHELP);
  lock_guard held(types_mutex);
  const unsigned slot = t.lowest_vacant();
  if (slot != 0)
    t.entry(slot).state = slot_entry::held;
  else if (t.slots() < osd_slots::max_slots)
    throw std::bad_alloc();
  return slot;
}

void give_khelp_slot(unsigned slot) noexcept {
  lock_guard held(types_mutex);
  any_type(KHELP_OSD_KHELP).entry(slot).state = slot_entry::vacant;
}

void destroy_registered_values(khelp_osd& osd) {
  if ((load_acquire(osd.osd_state) & has_registered_values) != 0)
    destroy_values(*find_type(KHELP_OSD_KHELP), osd);
}

void set_khelp_exit(int (*exit)(khelp_osd*)) noexcept {
  khelp_exit = exit;
}

void fork_prepare() noexcept KHELP_NO_TSA {
  types_mutex.lock();
  lock_all_osd_stripes();
  for (unsigned number = 0; number < max_types; ++number)
    any_type(number).objects.lock.lock();
}

void unlock_after_fork() noexcept KHELP_NO_TSA {
  for (unsigned number = 0; number < max_types; ++number)
    any_type(number).objects.lock.unlock();
  unlock_all_osd_stripes();
  types_mutex.unlock();
}

void fork_parent() noexcept {
  unlock_after_fork();
}

void fork_child() noexcept {
  forget_uses_of_others();
  object_gate.shut_by_one();
  unlock_after_fork();
}

}  // namespace khelp::osd
