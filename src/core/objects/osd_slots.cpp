#include "core/objects/osd_slots.hpp"

#include <algorithm>
#include <atomic>
#include <bit>

#include "core/zones/uma.hpp"

namespace khelp::osd_slots {
namespace {

// In front of every array that is not inside the struct.
struct header {
  void** previous;  // the array this one replaced; nullptr: none
  // A tenancy: generation is raised, then the slots are cleared, then owner is set; owner is
  // cleared before the array is freed. Readers: generation, owner, slot, generation again.
  const khelp_osd* owner;
  std::uint32_t generation;
  std::uint32_t capacity;
};
constexpr unsigned header_words = sizeof(header) / sizeof(void*);

// Arrays are powers of two with their header: few sizes, and growth by doubling.
constexpr unsigned smallest_words = 8;
constexpr unsigned largest_words = max_slots + header_words;
static_assert(std::has_single_bit(largest_words));
constexpr int sizes = std::bit_width(largest_words) - std::bit_width(smallest_words) + 1;

std::atomic<khelp_uma_zone_t> zones[sizes];

khelp_uma_zone_t zone_for(unsigned words) noexcept {
  auto& zone = zones[std::bit_width(words) - std::bit_width(smallest_words)];
  khelp_uma_zone_t there = zone;
  if (there != nullptr)
    return there;
  khelp_uma_zone_t made =
      khelp_uma_zcreate("osd slots", words * sizeof(void*), nullptr, nullptr, nullptr, nullptr,
                        KHELP_UMA_ALIGN_PTR, KHELP_UMA_ZONE_NOFREE);
  if (made == nullptr || zone.compare_exchange_strong(there, made))
    return made;
  khelp_uma_zdestroy(made);  // somebody else was first
  return there;
}

header& header_of(void** slots) noexcept {
  return *reinterpret_cast<header*>(slots - header_words);
}

}  // namespace

void** make_spare(unsigned slot) noexcept {
  if (slot == 0 || slot > max_slots)
    return nullptr;
  const unsigned words = std::max(std::bit_ceil(slot + header_words), smallest_words);
  khelp_uma_zone_t zone = zone_for(words);
  void* memory = zone == nullptr ? nullptr : khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
  if (memory == nullptr)
    return nullptr;
  void** slots = static_cast<void**>(memory) + header_words;
  header& head = header_of(slots);
  head.previous = nullptr;
  store_relaxed(head.capacity, words - header_words);
  store_release(head.generation, load_relaxed(head.generation) + 1);
  for (unsigned i = 0; i < head.capacity; ++i)
    store_release(slots[i], nullptr);
  return slots;
}

void free_spare(void** slots) noexcept {
  header& head = header_of(slots);
  store_release(head.owner, nullptr);
  khelp_uma_zfree(uma::zone_of(&head), &head);
}

unsigned capacity(void** spare) noexcept {
  return header_of(spare).capacity;
}

void adopt_spare(khelp_osd& osd, void** spare) noexcept {
  header& head = header_of(spare);
  void** current = load_relaxed(osd.osd_slots);
  for (unsigned i = 0; i < load_relaxed(osd.osd_nslots); ++i)
    store_release(spare[i], load_relaxed(current[i]));
  head.previous = current;
  store_release(head.owner, &osd);
  store_release(osd.osd_slots, spare);
  store_release(osd.osd_nslots, static_cast<std::uint16_t>(head.capacity));
}

bool reserve(khelp_osd& osd, unsigned slot, bool inline_first) noexcept {
  const unsigned have = load_relaxed(osd.osd_nslots);
  if (slot - 1 < have)
    return true;
  if (have == 0 && slot - 1 < inline_slots && inline_first) {
    store_release(osd.osd_slots, osd.osd_u.osd_inline);
    store_release(osd.osd_nslots, inline_slots);
    return true;
  }
  void** spare = make_spare(slot);
  if (spare == nullptr)
    return false;
  adopt_spare(osd, spare);
  return true;
}

void* get_unprotected(const khelp_osd& osd, unsigned slot) noexcept {
  if (slot - 1 >= load_acquire(osd.osd_nslots))
    return nullptr;
  void** slots = load_acquire(osd.osd_slots);
  if (slots == nullptr)
    return nullptr;
  if (is_inline(osd, slots))
    return load_acquire(slots[slot - 1]);
  const header& head = header_of(slots);
  const std::uint32_t generation = load_acquire(head.generation);
  if (load_acquire(head.owner) != &osd || slot > load_relaxed(head.capacity))
    return nullptr;
  void* value = load_acquire(slots[slot - 1]);
  return load_acquire(head.generation) == generation ? value : nullptr;
}

bool any(const khelp_osd& osd) noexcept {
  void** slots = load_relaxed(osd.osd_slots);
  return std::any_of(slots, slots + load_relaxed(osd.osd_nslots),
                     [](void*& value) { return load_relaxed(value) != nullptr; });
}

void free_arrays(khelp_osd& osd) noexcept {
  void** slots = load_relaxed(osd.osd_slots);
  store_release(osd.osd_nslots, 0);
  store_release(osd.osd_slots, nullptr);
  while (slots != nullptr && !is_inline(osd, slots)) {
    void** previous = header_of(slots).previous;
    free_spare(slots);
    slots = previous;
  }
  if (slots != nullptr)
    std::fill_n(slots, inline_slots, nullptr);
}

}  // namespace khelp::osd_slots
