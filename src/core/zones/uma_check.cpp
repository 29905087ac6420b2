// The invariants of zones, for builds that check them (assert.hpp).
#include <bit>

#include "base/assert.hpp"
#include "core/zones/uma_zone.hpp"

namespace khelp::uma {

void keg::check_invariants([[maybe_unused]] const slab_layout& layout) const noexcept {
#if KHELP_CHECKS
  std::size_t free = 0;
  std::size_t count = 0;
  std::size_t in_state[3] = {};
  for (const slab* s = all_.first(); s != nullptr; s = all_.next(*s)) {
    std::uint32_t bits = 0;
    const std::uint64_t* words = layout.free_bits(const_cast<slab&>(*s));
    for (unsigned word = 0; word < layout.bit_words(); ++word)
      bits += static_cast<std::uint32_t>(std::popcount(words[word]));
    KHELP_ASSERT(bits == s->free_items);
    KHELP_ASSERT(s->free_items <= layout.items);
    free += s->free_items;
    ++count;
    ++in_state[s->free_items == 0 ? 0 : s->free_items == layout.items ? 2 : 1];
  }
  KHELP_ASSERT(free == free_items_);
  KHELP_ASSERT(count == slabs_);
  const state_list* const lists[3] = {&full_, &used_, &free_};
  for (unsigned state = 0; state < 3; ++state) {
    std::size_t listed = 0;
    const slab* before = nullptr;
    for (const slab* s = lists[state]->first(); s != nullptr; s = state_list::next(*s)) {
      KHELP_ASSERT(s->among_state.before == before);
      KHELP_ASSERT(state == (s->free_items == 0 ? 0u : s->free_items == layout.items ? 2u : 1u));
      before = s;
      ++listed;
    }
    KHELP_ASSERT(listed == in_state[state]);
  }
#endif
}

}  // namespace khelp::uma

void khelp_uma_zone::check_counts() const noexcept {
#if KHELP_CHECKS
  KHELP_ASSERT(slabs.slabs() * layout.items - slabs.free_items() + granted <= out);
  std::uint64_t items = 0;
  unsigned length = 0;
  for (const khelp::uma::magazine* m = full.first(); m != nullptr; m = m->next) {
    KHELP_ASSERT(m->count != 0 && m->count <= khelp::uma::magazine_capacity);
    items += m->count;
    ++length;
  }
  KHELP_ASSERT(length == full.length());
  KHELP_ASSERT(items == in_depot);
  for (const khelp::uma::magazine* m = empty.first(); m != nullptr; m = m->next)
    KHELP_ASSERT(m->count == 0);
  KHELP_ASSERT((first_waiter == nullptr) == (last_waiter == nullptr));
  KHELP_ASSERT(first_waiter == nullptr || limit != 0);
  KHELP_ASSERT(!tight || in_depot == 0);
#endif
}

void khelp_uma_zone::check_invariants() const noexcept {
  check_counts();
  slabs.check_invariants(layout);
}
