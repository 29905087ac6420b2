// The fast path of khelp_init_osd(): data in the slots inside the struct, from helpers that call
// nobody for it.
#include <cstdint>

#include "core/helpers/attachment_parts.hpp"
#include "core/objects/osd.hpp"
#include "core/objects/osd_slots.hpp"
#include "core/objects/osd_stripe.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/section.hpp"

namespace khelp {

fast_attachments fast_givers;

void note_state(const helper& h, std::uint32_t state) noexcept {
  if (!h.gives_inline)
    return;
  inline_giver& giver = fast_givers.givers[h.slot - 1];
  const bool gives = state == KHELP_HELPER_LIVE || state == helper_leaving;
  if (!gives)
    store_release(giver.gives, 0U);
  store_relaxed(giver.zone, h.zone);
  store_relaxed(giver.block, h.block);
  store_relaxed(giver.classes, state == KHELP_HELPER_DEAD ? 0 : h.classes);
  if (gives)
    store_release(giver.gives, h.classes);
}

void note_classes_beyond(std::uint32_t classes) noexcept {
  store_release(fast_givers.beyond, classes);
}

namespace {

// Words, and not memset(): items are small, and a call is what the fast path cannot afford.
[[gnu::always_inline]] inline void zero(void* item, int size) {
  auto* byte = static_cast<unsigned char*>(item);
  for (; size >= 8; size -= 8, byte += 8) {
    const std::uint64_t nothing = 0;
    __builtin_memcpy(byte, &nothing, sizeof nothing);
    asm volatile("" : "+r"(byte));  // else the compiler calls memset()
  }
  for (; size > 0; --size)
    *byte++ = 0;
}

// The gate is entered, and no other thread looks into the object yet.
[[gnu::always_inline]] inline void give_inline(thread_record& record, const inline_giver& from,
                                               khelp_osd& osd, unsigned slot, void* item) {
  khelp_uma_zone& zone = *load_relaxed(from.zone);
  zero(item, zone.item_size);
  bump(record, load_relaxed(from.block), cell_given);
  zone.owner_of(item).store({item_mark::holds, &osd});
  store_release(osd.osd_u.osd_inline[slot - 1], item);
}

// The thread's cache of a zone was empty. Fills it, so that attach_helpers(), which is due, finds an item.
[[gnu::noinline]] bool fill_cache(thread_record& record, const inline_giver& of,
                                  const inline_giver* had_from, void* had) {
  khelp_uma_zone_t zone = load_relaxed(of.zone);
  if (had != nullptr)
    khelp_uma_zfree_arg(load_relaxed(had_from->zone), had, nullptr);
  void* item = uma::alloc_slowly(*zone, nullptr, KHELP_M_NOWAIT, nullptr);
  if (item != nullptr && !uma::free_fast(*zone, item))
    uma::free_slowly(*zone, item, nullptr);
  gate::leave(record);
  return false;
}

// The fast path: a new object, whose data calls nobody when it begins and has its slots inside
// the struct. As in detach_helpers() there is no lock and no locked instruction. A thread that changes a
// helper's state so that it gives no data shuts the gate once before it counts the objects
// (attachments_see_states()): either the count includes this object, or this call sees the state. False:
// nothing has been done, and attach_helpers() serves the object.
[[gnu::always_inline]] inline bool attach_fast(std::uint32_t classes, khelp_osd& osd) {
  static_assert(osd_slots::inline_slots == 2);
  thread_record& record = *fast_record;
  const fast_attachments& all = fast_givers;
  if ((load_relaxed(all.seen) & classes) != classes || !may_open_first(record) ||
      !object_gate.enter(record)) [[unlikely]]
    return false;
  const inline_giver& first = all.givers[0];
  const inline_giver& second = all.givers[1];
  const std::uint32_t of_first = load_acquire(first.gives) & classes;
  const std::uint32_t of_second = load_acquire(second.gives) & classes;
  const std::uint32_t beyond = load_acquire(all.beyond) | load_acquire(osd::registrants) |
                               (load_relaxed(first.classes) ^ of_first) |
                               (load_relaxed(second.classes) ^ of_second);
  if ((beyond & classes) != 0 || (of_first | of_second) == 0 || load_acquire(osd.osd_state) != 0 ||
      load_relaxed(osd.osd_nslots) != 0) [[unlikely]] {
    gate::leave(record);
    return false;
  }
  void* first_item = nullptr;
  void* second_item = nullptr;
  if (of_first != 0 && !uma::alloc_fast(*load_relaxed(first.zone), first_item)) [[unlikely]]
    return fill_cache(record, first, nullptr, nullptr);
  if (of_second != 0 && !uma::alloc_fast(*load_relaxed(second.zone), second_item)) [[unlikely]]
    return fill_cache(record, second, &first, first_item);
  store_release(osd.osd_u.osd_inline[0], static_cast<void*>(nullptr));
  store_release(osd.osd_u.osd_inline[1], static_cast<void*>(nullptr));
  if (first_item != nullptr)
    give_inline(record, first, osd, 1, first_item);
  if (second_item != nullptr)
    give_inline(record, second, osd, 2, second_item);
  store_release(osd.osd_slots, static_cast<void**>(osd.osd_u.osd_inline));
  store_release(osd.osd_nslots, static_cast<std::uint16_t>(second_item != nullptr ? 2 : 1));
  osd.osd_classes |= classes;
  store_release(osd.osd_state, static_cast<std::uint16_t>(osd_initialised));
  gate::leave(record);
  return true;
}

}  // namespace

bool attach_inline_data(std::uint32_t classes, khelp_osd& osd) noexcept {
  return uma::owner_place::can_hold(&osd) && attach_fast(classes, osd);
}

}  // namespace khelp
