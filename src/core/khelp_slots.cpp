#include "core/khelp_slots.hpp"

#include "core/osd.hpp"

namespace khelp {

std::int32_t current_khelp_ids[khelp_slot_count];

namespace {

struct slot_entry {
  helper* owner;
  std::uint32_t generation;  // guarded by registry_mutex
  event_count changes;
};

slot_entry table[khelp_slot_count];

constexpr std::uint32_t generation_mask = (1u << (31 - khelp_slot_bits)) - 1;

}  // namespace

unsigned take_khelp_slot() {
  return osd::take_khelp_slot();
}

void give_khelp_slot(unsigned slot) noexcept {
  store_release(current_khelp_ids[slot], 0);
  store_release(table[slot].owner, nullptr);
  table[slot].generation = (table[slot].generation + 1) & generation_mask;
  osd::give_khelp_slot(slot);
}

std::int32_t khelp_slot_id(unsigned slot) noexcept {
  return static_cast<std::int32_t>((table[slot].generation << khelp_slot_bits) | slot);
}

void set_khelp_slot_owner(unsigned slot, helper* owner) noexcept {
  const std::int32_t id = owner == nullptr ? 0 : khelp_slot_id(slot);
  store_release(table[slot].owner, owner);
  store_release(current_khelp_ids[slot], id);
}

event_count& khelp_slot_changes(unsigned slot) noexcept {
  return table[slot].changes;
}

helper* khelp_slot_owner(unsigned slot) noexcept {
  return slot < khelp_slot_count ? load_acquire(table[slot].owner) : nullptr;
}

}  // namespace khelp
