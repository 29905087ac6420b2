// A zone's slabs come and go.
#include <algorithm>
#include <utility>

#include "base/guarded.hpp"
#include "core/zones/uma_life.hpp"
#include "core/zones/uma_zone.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

// A zone grows by a slab more for so many that it has: in one piece of memory, which may go in one.
// Of each only the first page is touched then.
constexpr std::size_t slabs_for_one_more = 16;
constexpr std::size_t longest_run = 32;

}  // namespace

slab_layout::wants khelp_uma_zone::wants_of(std::uint32_t flags, int debug) noexcept {
  return {.owners = (flags & KHELP_UMA_ZONE_OWNER) != 0,
          .debug_bits = debug >= KHELP_UMA_DEBUG_BITMAP,
          .sites = debug >= KHELP_UMA_DEBUG_POISON};
}

bool khelp_uma_zone::add_owners() noexcept {
  lock_guard held(lock);
  if ((flags & KHELP_UMA_ZONE_OWNER) != 0)
    return true;
  if (had_slabs)
    return false;
  flags |= KHELP_UMA_ZONE_OWNER;
  layout = slab_layout(static_cast<std::size_t>(item_size), alignment, wants_of(flags, debug));
  return true;
}

unsigned khelp_uma_zone::run_of_slabs() noexcept {
  if (init != nullptr || layout.length != slab_alignment)
    return 1;
  lock_guard held(lock);
  return static_cast<unsigned>(
      std::clamp<std::size_t>(slabs.slabs() / slabs_for_one_more, 1, longest_run));
}

khelp_uma_zone::growth khelp_uma_zone::add_slabs(int request, unsigned count) {
  struct mapped_slabs {
    khelp_uma_zone& zone;
    unsigned count;
    slab* first;
    ~mapped_slabs() {
      slab_unmapping gone(zone.layout);
      for (unsigned i = 0; first != nullptr && i < count; ++i)
        gone.add(neighbour(*first, i));  // its items were never hidden
    }
  };
  const bool in_core_dumps = (flags & KHELP_UMA_ZONE_NODUMP) == 0;
  mapped_slabs made{*this, count, map_slabs(this, layout, in_core_dumps, count)};
  if (made.first == nullptr)
    return growth::no_memory;
  for (unsigned i = 0; i < count; ++i) {
    if (!run_init(neighbour(*made.first, i), request))
      return growth::init_failed;
  }
  slab& first = *std::exchange(made.first, nullptr);
  for (unsigned i = 0; i < count; ++i)
    prepare_free_items(*this, neighbour(first, i));
  lock_guard held(lock);
  had_slabs = true;
  // So the lowest is the first to be used.
  for (unsigned i = count; i-- > 0;)
    slabs.add(neighbour(first, i));
  return growth::done;
}

// ZONE_ZINIT needs nothing: slabs are mapped zeroed.
bool khelp_uma_zone::run_init(slab& s, int request) {
  if (init == nullptr)
    return true;
  unsigned made = 0;
  try {
    while (made < layout.items && init(layout.item(s, made), item_size, request) == 0)
      ++made;
  } catch (...) {
    run_fini(s, made);
    throw;
  }
  if (made == layout.items)
    return true;
  run_fini(s, made);
  return false;
}

void khelp_uma_zone::run_fini(slab& s, unsigned count) noexcept {
  if (fini == nullptr)
    return;
  for (unsigned i = 0; i < count; ++i)
    guarded_to_the_end("zone", name, "its fini", [&] { fini(layout.item(s, i), item_size); });
}

bool khelp_uma_zone::may_release(bool for_good) const noexcept {
  for (const zone_pin* p = pins; p != nullptr; p = p->next) {
    if (p->walks)
      return false;
  }
  if (for_good)
    return true;
  return (flags & KHELP_UMA_ZONE_NOFREE) == 0 && slabs.free_items() >= reserve + layout.items;
}

void khelp_uma_zone::release_slabs(bool for_good) {
  slab_unmapping gone(layout);
  while (true) {
    slab* s = nullptr;
    {
      lock_guard held(lock);
      if (may_release(for_good))
        s = slabs.detach_free_slab();
    }
    if (s == nullptr)
      return;
    for (unsigned i = 0; i < layout.items; ++i)
      check_free_item(*this, layout.item(*s, i));
    run_fini(*s, layout.items);
    forget_items(*this, *s);
    gone.add(*s);
  }
}
