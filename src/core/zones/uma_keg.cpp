#include "core/zones/uma_keg.hpp"

#include <algorithm>
#include <bit>

namespace khelp::uma {

keg::state_list& keg::list_of(const slab_layout& layout, const slab& s) noexcept {
  if (s.free_items == 0)
    return full_;
  return s.free_items == layout.items ? free_ : used_;
}

void keg::add(slab& s) noexcept {
  all_.push(s);
  free_.push(s);
  free_items_ += s.free_items;
  ++slabs_;
}

slab* keg::detach_free_slab() noexcept {
  slab* s = free_.first();
  if (s == nullptr)
    return nullptr;
  free_.remove(*s);
  all_.remove(*s);
  free_items_ -= s->free_items;
  --slabs_;
  return s;
}

unsigned keg::take(const slab_layout& layout, void** items, unsigned wanted) noexcept {
  unsigned taken = 0;
  while (taken < wanted) {
    slab* s = used_.empty() ? free_.first() : used_.first();
    if (s == nullptr)
      break;
    list_of(layout, *s).remove(*s);
    const unsigned from_here = std::min(wanted - taken, s->free_items);
    std::uint64_t* bits = layout.free_bits(*s);
    for (unsigned word = 0, left = from_here; left != 0; ++word) {
      for (; bits[word] != 0 && left != 0; --left) {
        const int bit = std::countr_zero(bits[word]);
        bits[word] &= bits[word] - 1;
        items[taken++] = layout.item(*s, word * 64 + static_cast<unsigned>(bit));
      }
    }
    s->free_items -= from_here;
    free_items_ -= from_here;
    list_of(layout, *s).push(*s);
  }
  std::reverse(items, items + taken);
  return taken;
}

void keg::put(const slab_layout& layout, void* item) noexcept {
  slab& s = slab_of(item);
  const unsigned index = layout.index(s, item);
  state_list& before = list_of(layout, s);
  layout.free_bits(s)[index / 64] |= std::uint64_t{1} << (index % 64);
  ++s.free_items;
  ++free_items_;
  state_list& after = list_of(layout, s);
  if (&before != &after) {
    before.remove(s);
    after.push(s);
  }
}

}  // namespace khelp::uma
