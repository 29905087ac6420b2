// Helpers' slots of the khelp object type (osd.hpp has the table): who owns each, and which id
// stands for it now.
//
// An id is the slot in its low 12 bits and the slot's generation above: ids 1, 2, 3… for first
// users, never the same id for two helpers (K-16). Readers look without a lock.
#pragma once

#include <cstdint>

#include "sync/event_count.hpp"
#include "sync/publication.hpp"
#include "sync/word.hpp"

namespace khelp {

class helper;

inline constexpr unsigned khelp_slot_bits = 12;
inline constexpr unsigned khelp_slot_count = 1u << khelp_slot_bits;

// The lowest free slot, or 0: all taken. Throws std::bad_alloc.
unsigned take_khelp_slot();
// Free again, with the next generation. Nobody holds a value in it.
void give_khelp_slot(unsigned slot) noexcept KHELP_REQUIRES(registry_mutex);

// The id that a holder of the slot goes by.
std::int32_t khelp_slot_id(unsigned slot) noexcept KHELP_REQUIRES(registry_mutex);
// Make the slot's id answer for `owner` (or nobody).
void set_khelp_slot_owner(unsigned slot, helper* owner) noexcept KHELP_REQUIRES(registry_mutex);

struct khelp_slot_entry {
  helper* owner;
  // Told when the owner's state changes, and when an object lets go of its data. Here and not in the
  // helper, because whoever lets go last may find the helper gone.
  event_count changes;
};
extern khelp_slot_entry khelp_slots[khelp_slot_count] __attribute__((visibility("hidden")));

inline event_count& khelp_slot_changes(unsigned slot) noexcept {
  return khelp_slots[slot].changes;
}
// The owner by slot; nullptr: none.
inline helper* khelp_slot_owner(unsigned slot) noexcept {
  return slot < khelp_slot_count ? load_acquire(khelp_slots[slot].owner) : nullptr;
}
// By slot, the id that its present owner goes by; 0: nobody answers to it.
extern std::int32_t current_khelp_ids[khelp_slot_count] __attribute__((visibility("hidden")));

inline unsigned khelp_id_slot(std::int32_t id) noexcept {
  return static_cast<std::uint32_t>(id) & (khelp_slot_count - 1);
}
// Whether the id is that of the slot's present owner.
inline bool khelp_id_is_current(std::int32_t id) noexcept {
  return load_acquire(current_khelp_ids[khelp_id_slot(id)]) == id;
}

}  // namespace khelp
