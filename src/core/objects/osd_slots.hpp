// The slot array of one object: where the values of struct khelp_osd are kept.
//
// Slot n is osd_slots[n - 1]. An array only grows: the new one is published with the old one linked
// behind it, and both stay until free_arrays(), so that a reader that still looks at the old one
// reads valid memory.
//
// Publication: a writer stores osd_slots, then osd_nslots (release); a reader loads osd_nslots
// (acquire), then osd_slots, and finds an array of at least that many slots.
//
// Arrays come from zones that never unmap them, and each says which object it belongs to and how
// often it was handed out. So a reader that nothing protects can tell that an array was freed under
// it (get_unprotected).
#pragma once

#include <cstdint>

#include <khelp/osd.h>

#include "sync/word.hpp"

namespace khelp::osd_slots {

// The largest slot number. Helper ids give a slot 12 bits.
inline constexpr unsigned max_slots = 4093;
// Objects of the khelp type keep their first slots inside the struct.
inline constexpr unsigned inline_slots = 2;

inline bool is_inline(const khelp_osd& osd, void* const* slots) noexcept {
  return slots == osd.osd_u.osd_inline;
}

// Make room for `slot`. The caller holds the object's stripe (osd_stripe.hpp).
// inline_first: the linkage half of the struct is not used as linkage and may hold the first slots.
// False: no memory, or slot is 0 or above max_slots; nothing has changed.
[[nodiscard]] bool reserve(khelp_osd& osd, unsigned slot, bool inline_first) noexcept;

// The value in a slot, or nullptr. Wait-free. Valid while nobody may free the object's arrays: in a
// hook or section of the object, or for its owner.
inline void* get(const khelp_osd& osd, unsigned slot) noexcept {
  if (slot - 1 >= load_acquire(osd.osd_nslots))
    return nullptr;
  void** slots = load_acquire(osd.osd_slots);
  return load_acquire(slots[slot - 1]);
}

// The same when another thread may free the object's arrays meanwhile. Wait-free; nullptr when that
// has happened, since the object then had a moment without values.
void* get_unprotected(const khelp_osd& osd, unsigned slot) noexcept;

// Put a value into a slot that has room and return the one before. The caller holds the stripe.
inline void* exchange(khelp_osd& osd, unsigned slot, void* value) noexcept {
  void*& place = load_relaxed(osd.osd_slots)[slot - 1];
  void* before = load_relaxed(place);
  store_release(place, value);
  return before;
}

// Whether any slot holds a value. The caller holds the stripe.
bool any(const khelp_osd& osd) noexcept;

// An array for slots 1 to `slot` that belongs to nobody yet; nullptr as for reserve().
void** make_spare(unsigned slot) noexcept;
void free_spare(void** slots) noexcept;
unsigned capacity(void** spare) noexcept;
// Replace the object's array by a spare one of more capacity, as reserve() does. The caller holds
// the stripe.
void adopt_spare(khelp_osd& osd, void** spare) noexcept;

// Free every array; afterwards the object has no slots, and inline ones are zero. The caller holds
// the stripe; nobody may be reading.
void free_arrays(khelp_osd& osd) noexcept;

// The same, and the whole struct is zero.
inline void clear_inline(khelp_osd& osd) noexcept {
  store_release(osd.osd_nslots, 0);
  osd = khelp_osd{};
}
inline void clear(khelp_osd& osd) noexcept {
  if (!is_inline(osd, load_relaxed(osd.osd_slots)))
    free_arrays(osd);
  clear_inline(osd);
}

}  // namespace khelp::osd_slots
