#include "core/helpers/khelp_slots.hpp"

#include "core/objects/osd.hpp"

namespace khelp {

std::int32_t current_khelp_ids[khelp_slot_count];
khelp_slot_entry khelp_slots[khelp_slot_count];

namespace {

std::uint32_t generations[khelp_slot_count];  // guarded by registry_mutex

constexpr std::uint32_t generation_mask = (1u << (31 - khelp_slot_bits)) - 1;

}  // namespace

unsigned take_khelp_slot() {
  return osd::take_khelp_slot();
}

void give_khelp_slot(unsigned slot) noexcept {
  store_release(current_khelp_ids[slot], 0);
  store_release(khelp_slots[slot].owner, nullptr);
  generations[slot] = (generations[slot] + 1) & generation_mask;
  osd::give_khelp_slot(slot);
}

std::int32_t khelp_slot_id(unsigned slot) noexcept {
  return static_cast<std::int32_t>((generations[slot] << khelp_slot_bits) | slot);
}

void set_khelp_slot_owner(unsigned slot, helper* owner) noexcept {
  const std::int32_t id = owner == nullptr ? 0 : khelp_slot_id(slot);
  store_release(khelp_slots[slot].owner, owner);
  store_release(current_khelp_ids[slot], id);
}

}  // namespace khelp
