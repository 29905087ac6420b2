// Objects give the data of helpers back when they are destroyed.
#include <algorithm>

#include "base/guarded.hpp"
#include "core/helpers/attachment_parts.hpp"
#include "core/helpers/khelp_slots.hpp"
#include "core/helpers/object_walk.hpp"
#include "core/objects/osd.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/item_call.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

constexpr unsigned every_slot = osd_slots::max_slots;

// Items of objects that this thread destroyed inside their own hooks. Linked through their owners.
__thread void* deferred_items __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace

// Whatever the helper's function does, the item is freed, and the object's other data ends too.
void end_item(helper& h, void* item) noexcept {
  if (h.is_stopped())
    return;  // the item's memory goes with the process
  const item_call in_progress;
  const auto fini = h.native != nullptr ? h.native->data_fini : nullptr;
  guarded_to_the_end("helper", h.name, "the destructor of its per-object data", [&] {
    if (fini != nullptr)
      fini(item, nullptr);
    else
      khelp_uma_zfree_arg(h.zone, item, nullptr);  // FreeBSD's: the zone has it
  });
  if (fini != nullptr)
    khelp_uma_zfree_arg(h.zone, item, nullptr);
}

// The item that an object held, and its reference.
void end_held_item(helper& h, void* item) noexcept {
  end_item(h, item);
  reference::release(h);
}

taken_item take_out(khelp_osd& osd, unsigned slot, bool defer) {
  enrol();
  const whole_object_guard held(osd);
  if (osd_slots::get(osd, slot) == nullptr)
    return {};
  // As long as its data is there, which nobody else can take now, a helper stays.
  helper* h = khelp_slot_owner(slot);
  if (h == nullptr)
    return {};
  const taken_item taken{h, osd_slots::exchange(osd, slot, nullptr)};
  uma::owner_place owner = h->zone->owner_of(taken.item);
  owner.clear();
  if (defer) {
    owner.store({item_mark::deferred, deferred_items});
    deferred_items = taken.item;
  }
  reference::take(*h);
  return taken;
}

namespace {

void end_deferred_items() noexcept {
  while (void* item = deferred_items) {
    khelp_uma_zone_t zone = uma::zone_of(item);
    uma::owner_place owner = zone->owner_of(item);
    deferred_items = const_cast<void*>(owner.load().address);
    owner.clear();
    end_held_item(*static_cast<helper*>(uma::served_by(zone)), item);
  }
}

void detach_one(khelp_osd& osd, unsigned slot, bool defer) {
  const taken_item taken = take_out(osd, slot, defer);
  if (taken.item != nullptr && !defer)
    end_held_item(*taken.from, taken.item);
}

// Slot by slot, from this one down, each under the stripe.
[[gnu::noinline]] int detach_slowly(khelp_osd& object, unsigned highest) {
  if (load_acquire(object.osd_state) == 0 && load_acquire(object.osd_nslots) == 0)
    return 0;
  const bool defer = inside_section_of(&object);
  for (unsigned slot = std::min<unsigned>(highest, load_acquire(object.osd_nslots)); slot > 0;
       --slot)
    detach_one(object, slot, defer);
  osd::destroy_registered_values(object);
  {
    futex_guard held(osd_stripe(object));
    osd_slots::clear(object);
  }
  if (defer && deferred_items != nullptr)
    when_outermost_closes(end_deferred_items);
  return 0;
}

bool ends_plainly(const helper* h) {
  return h != nullptr && h->ends_plainly;
}

// The gate is entered. Returns data without a destructor to its zone's cache. False: the cache is full or
// closed, and put_back() is due.
[[gnu::always_inline]] inline bool give_back(thread_record& record, const helper& from,
                                             void* item) {
  khelp_uma_zone& zone = *from.zone;
  zone.owner_of(item).clear();
  if (!uma::free_fast(zone, item)) [[unlikely]]
    return false;
  bump_at_end(record, from.block, cell_gone);
  return true;
}
void put_back(thread_record& record, const helper& from, void* item) {
  uma::free_slowly(*from.zone, item, nullptr);
  bump_at_end(record, from.block, cell_gone);
}

// The gate is entered. Ends data without a destructor, from the highest slot down to the first that has
// one; that and the rest are ended under the stripe. Serves any object.
[[gnu::noinline]] int detach_any(khelp_osd& object, thread_record& record) {
  // Values of registered slots are strangers'; of an object that was not initialised, whoever takes
  // the last of those ends the slots, too.
  const bool ours = load_acquire(object.osd_state) == osd_initialised;
  const unsigned highest = load_relaxed(object.osd_nslots);
  unsigned left = highest;
  for (; ours && left > 0; --left) {
    void* item = osd_slots::get(object, left);
    if (item == nullptr)
      continue;
    const helper* h = khelp_slot_owner(left);
    if (!ends_plainly(h))
      break;
    osd_slots::exchange(object, left, nullptr);
    if (!give_back(record, *h, item))
      put_back(record, *h, item);
  }
  const bool done = ours && left == 0;
  if (done)
    osd_slots::clear(object);
  gate::leave(record);
  for (unsigned slot = highest; slot > left; --slot)
    khelp_slot_changes(slot).notify_if_watched();
  return done ? 0 : detach_slowly(object, left);
}

// The ends of detach_helpers() when a cache is full: still behind the gate, with data of slot 1 or of
// both that nobody else can reach any more.
[[gnu::noinline]] int put_back_first(thread_record& record, void* first) {
  if (first != nullptr)
    put_back(record, *khelp_slot_owner(1), first);
  gate::leave(record);
  khelp_slot_changes(1).notify_if_watched();
  khelp_slot_changes(2).notify_if_watched();
  return 0;
}
[[gnu::noinline]] int put_back_second(thread_record& record, void* first, void* second) {
  put_back(record, *khelp_slot_owner(2), second);
  const bool back = first == nullptr || give_back(record, *khelp_slot_owner(1), first);
  return put_back_first(record, back ? nullptr : first);
}

[[gnu::noinline]] int tell_watchers() {
  khelp_slot_changes(1).notify();
  khelp_slot_changes(2).notify();
  return 0;
}

}  // namespace

const void* object_section_key() noexcept {
  static const char key = 0;
  return &key;
}

// The fast path: an object whose slots are inside the struct, with data that ends plainly.
//
// Of objects in no order the struct and each owner is a miss, and the machine is fast when it has
// those of several objects under way (bench/limits/random_objects.cpp). What it can have under way
// is bounded by stores first, then by instructions, and by whatever waits for all stores before it,
// as a locked instruction does. Hence no lock (object_gate), no call, nothing kept across one; and
// what is asked about a slot's helper does not wait for the object.
int detach_helpers(khelp_osd& object) {
  static_assert(osd_slots::inline_slots == 2);
  thread_record& record = *fast_record;
  if (!may_open_first(record) || !object_gate.enter(record)) [[unlikely]]
    return detach_slowly(object, every_slot);
  const helper* const first_owner = khelp_slot_owner(1);
  const helper* const second_owner = khelp_slot_owner(2);
  void* const* const slots = object.osd_u.osd_inline;
  void* const first = load_relaxed(slots[0]);
  void* const second = load_relaxed(slots[1]);
  if (load_acquire(object.osd_state) != osd_initialised ||
      !osd_slots::is_inline(object, load_relaxed(object.osd_slots)) ||
      (first != nullptr && !ends_plainly(first_owner)) ||
      (second != nullptr && !ends_plainly(second_owner))) [[unlikely]]
    return detach_any(object, record);
  osd_slots::clear_inline(object);
  if (second != nullptr && !give_back(record, *second_owner, second)) [[unlikely]]
    return put_back_second(record, first, second);
  if (first != nullptr && !give_back(record, *first_owner, first)) [[unlikely]]
    return put_back_first(record, first);
  gate::leave(record);
  if (khelp_slot_changes(1).is_watched() || khelp_slot_changes(2).is_watched()) [[unlikely]]
    return tell_watchers();
  return 0;
}

}  // namespace khelp
