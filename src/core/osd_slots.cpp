#include "core/osd_slots.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace khelp::osd_slots {
namespace {

// In front of every array that is not inside the struct.
struct header {
  void** previous;  // the array this one replaced; nullptr: none
  std::uint64_t capacity;
};
constexpr unsigned header_words = sizeof(header) / sizeof(void*);

header& header_of(void** slots) noexcept {
  return *reinterpret_cast<header*>(slots - header_words);
}

// Arrays are powers of two with their header: few sizes, and growth by doubling.
void** make_array(unsigned slot) noexcept {
  const unsigned words = std::bit_ceil(std::max(slot + header_words, 8u));
  auto* memory = static_cast<void**>(std::calloc(words, sizeof(void*)));
  if (memory == nullptr)
    return nullptr;
  void** slots = memory + header_words;
  header_of(slots).capacity = words - header_words;
  return slots;
}

}  // namespace

bool reserve(khelp_osd& osd, unsigned slot, bool inline_first) noexcept {
  const unsigned have = load_relaxed(osd.osd_nslots);
  if (slot - 1 < have)
    return true;
  if (slot == 0 || slot > max_slots)
    return false;
  if (have == 0 && slot <= inline_slots && inline_first) {
    store_release(osd.osd_slots, osd.osd_u.osd_inline);
    store_release(osd.osd_nslots, inline_slots);
    return true;
  }
  void** slots = make_array(slot);
  if (slots == nullptr)
    return false;
  void** current = load_relaxed(osd.osd_slots);
  for (unsigned i = 0; i < have; ++i)
    slots[i] = load_relaxed(current[i]);
  header_of(slots).previous = current;
  store_release(osd.osd_slots, slots);
  store_release(osd.osd_nslots, static_cast<std::uint16_t>(header_of(slots).capacity));
  return true;
}

void free_arrays(khelp_osd& osd) noexcept {
  void** slots = load_relaxed(osd.osd_slots);
  store_release(osd.osd_nslots, 0);
  store_release(osd.osd_slots, nullptr);
  while (slots != nullptr && slots != osd.osd_u.osd_inline) {
    header& head = header_of(slots);
    slots = head.previous;
    std::free(&head);
  }
  if (slots == osd.osd_u.osd_inline)
    std::fill_n(slots, inline_slots, nullptr);
}

}  // namespace khelp::osd_slots
