// The C face of zones, and what the rest of the core asks of them. The fast paths are here;
// what they cannot do is in uma_zone.cpp (items) and uma_life.cpp (constructors, checks).
#include "core/zones/uma.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "base/cold_call.hpp"
#include "base/failure_text.hpp"
#include "core/zones/uma_life.hpp"
#include "core/zones/uma_registry.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

constexpr std::size_t max_alignment = 4096;
constexpr std::size_t natural_alignment = 16;
constexpr std::size_t cache_line = 64;

// 0: no alignment.
std::size_t alignment_for(std::size_t size, int mask) {
  const std::size_t asked =
      mask == KHELP_UMA_ALIGN_CACHE ? cache_line : static_cast<std::size_t>(mask) + 1;
  if (mask < KHELP_UMA_ALIGN_CACHE || !std::has_single_bit(asked) || asked > max_alignment)
    return 0;
  // Whatever was asked for, a type of this size must be at home (docs/conformance.md, 38).
  const std::size_t natural = std::min(size & (~size + 1), natural_alignment);
  // Under AddressSanitizer items do not share one of its granules of 8 bytes.
  const std::size_t least = KHELP_UNDER_ASAN ? 8 : 1;
  return std::max({asked, natural, least});
}

// Everything an ended zone leaves behind. The zone's items are free, or leaked.
void end_zone(khelp_uma_zone& zone) {
  // The zone of a FreeBSD helper is its caller's, and may be walked (object_walk.cpp): its slabs stay
  // until then.
  zone.wait_for_pins();
  zone.release_slabs(true);
  bool leaks = false;
  {
    lock_guard held(zone.lock);
    leaks = zone.out != 0;
  }
  if (leaks)
    report_leaks(zone);
  {
    lock_guard held(zone.lock);
    zone.forget_caches();
  }
  leave_zone(zone);
  delete &zone;
}

std::uint64_t count_of(int items) {
  return static_cast<std::uint64_t>(std::max(items, 0));
}

}  // namespace

[[gnu::noinline]] void* khelp::uma::alloc_slowly(khelp_uma_zone& zone, void* arg, int request,
                                                 const void* site) {
  void* item = zone.alloc_work == 0 ? zone.fetch(request) : zone.get(request);
  if (item == nullptr)
    return nullptr;
  return begin_life(zone, item, arg, request, site);
}

[[gnu::noinline]] void khelp::uma::free_slowly(khelp_uma_zone& zone, void* item, void* arg) {
  if (zone.free_work == 0)
    zone.put_back(item);
  else
    end_life(zone, item, arg);
}

// ---- creation and end ----

khelp_uma_zone_t khelp_uma_zcreate(const char* name, size_t size, khelp_uma_ctor ctor,
                                   khelp_uma_dtor dtor, khelp_uma_init init, khelp_uma_fini fini,
                                   int align, uint32_t flags) {
  khelp_uma_zone_t zone = nullptr;
  (void)cold_call([&]() -> result<void> {
    auto made = create({name, size, ctor, dtor, init, fini, align, flags});
    if (!made)
      return std::move(made).error();
    zone = *made;
    return {};
  });
  return zone;
}

void khelp_uma_zdestroy(khelp_uma_zone_t zone) {
  {
    lock_guard held(zone->lock);
    zone->gather();
  }
  end_zone(*zone);
}

int khelp_uma_zdestroy_checked(khelp_uma_zone_t zone) {
  {
    lock_guard held(zone->lock);
    zone->gather();
    if (zone->out != 0) {
      set_failure_text("zone: items are in use");
      return EBUSY;
    }
  }
  end_zone(*zone);
  return 0;
}

// ---- items ----

// The two functions that allocate do not share their fast path, for the sake of its length: the
// return address is read only where it is needed.

void* khelp_uma_zalloc_arg(khelp_uma_zone_t zone, void* arg, int flags) {
  void* item;
  if (!cache_at(zone->alloc_cache).alloc(item)) [[unlikely]]
    return alloc_slowly(*zone, arg, flags, __builtin_return_address(0));
  if ((flags & KHELP_M_ZERO) != 0) [[unlikely]]
    return std::memset(item, 0, static_cast<std::size_t>(zone->item_size));
  return item;
}

void* khelp_uma_zalloc(khelp_uma_zone_t zone, int flags) {
  void* item;
  if (!cache_at(zone->alloc_cache).alloc(item)) [[unlikely]]
    return alloc_slowly(*zone, nullptr, flags, __builtin_return_address(0));
  if ((flags & KHELP_M_ZERO) != 0) [[unlikely]]
    return std::memset(item, 0, static_cast<std::size_t>(zone->item_size));
  return item;
}

void khelp_uma_zfree_arg(khelp_uma_zone_t zone, void* item, void* arg) {
  if (item != nullptr && !free_fast(*zone, item)) [[unlikely]]
    free_slowly(*zone, item, arg);
}

void khelp_uma_zfree(khelp_uma_zone_t zone, void* item) {
  if (item != nullptr && !free_fast(*zone, item)) [[unlikely]]
    free_slowly(*zone, item, nullptr);
}

// ---- limits and reserves ----

int khelp_uma_zone_set_max(khelp_uma_zone_t zone, int items) {
  zone->set_limit(count_of(items));
  return khelp_uma_zone_get_max(zone);
}

int khelp_uma_zone_get_max(khelp_uma_zone_t zone) {
  lock_guard held(zone->lock);
  return static_cast<int>(zone->limit);
}

void khelp_uma_zone_set_maxcache(khelp_uma_zone_t zone, int items) {
  zone->set_max_cached(count_of(items));
}

void khelp_uma_zone_set_warning(khelp_uma_zone_t zone, const char* warning) {
  try {
    std::shared_ptr<const std::string> words;
    if (warning != nullptr && *warning != '\0')
      words = std::make_shared<const std::string>(warning);
    lock_guard held(zone->lock);
    zone->warning.swap(words);
  } catch (const std::bad_alloc&) {
    set_failure_text("zone: no memory for the warning; it stays as it was");
  }
}

void khelp_uma_set_warnings(int on) {
  switch_warnings(on != 0);
}

void khelp_uma_zone_set_maxaction(khelp_uma_zone_t zone, void (*action)(khelp_uma_zone_t, int)) {
  lock_guard held(zone->lock);
  zone->maxaction = action;
}

int khelp_uma_prealloc(khelp_uma_zone_t zone, int items) {
  const std::uint64_t per_slab = zone->layout.items;
  for (std::uint64_t n = (count_of(items) + per_slab - 1) / per_slab; n != 0; --n) {
    if (zone->add_slabs(KHELP_M_WAITOK, 1) != khelp_uma_zone::growth::done) {
      set_failure_text("zone: no memory for the items asked for in advance");
      return ENOMEM;
    }
  }
  return 0;
}

void khelp_uma_zone_reserve(khelp_uma_zone_t zone, int items) {
  lock_guard held(zone->lock);
  zone->reserve = count_of(items);
}

int khelp_uma_zone_exhausted(khelp_uma_zone_t zone) {
  lock_guard held(zone->lock);
  return zone->first_waiter != nullptr ? 1 : 0;
}

// ---- giving memory back ----

void khelp_uma_zone_reclaim(khelp_uma_zone_t zone, int how) {
  {
    lock_guard held(zone->lock);
    if (how == KHELP_UMA_RECLAIM_DRAIN_CPU)
      zone->gather();
    else
      zone->gather_depot(how == KHELP_UMA_RECLAIM_TRIM ? zone->depot_low : UINT_MAX);
  }
  zone->release_slabs(false);
  trim_magazines();
}

void khelp_uma_reclaim(int how) {
  for_each_zone(
      [](void* arg, khelp_uma_zone& zone) {
        khelp_uma_zone_reclaim(&zone, *static_cast<int*>(arg));
      },
      &how);
}

// ---- the core's own interface ----

namespace khelp::uma {

result<khelp_uma_zone_t> create(const zone_spec& spec) {
  if (spec.size == 0 || spec.size > INT_MAX)
    return failure(EINVAL, "zone: the size of an item must be between 1 and INT_MAX");
  const std::size_t alignment = alignment_for(spec.size, spec.align);
  if (alignment == 0)
    return failure(EINVAL, "zone: an alignment must be a power of two, at most 4096");
  std::unique_ptr<khelp_uma_zone> zone;
  try {
    zone = std::make_unique<khelp_uma_zone>(spec.name == nullptr ? "" : spec.name, spec.size,
                                            alignment, spec.flags, debug_level());
  } catch (const std::bad_alloc&) {
    return failure(ENOMEM);
  }
  zone->ctor = spec.ctor;
  zone->dtor = spec.dtor;
  zone->init = spec.init;
  zone->fini = spec.fini;
  decide_work(*zone);
  if (!enter_zone(*zone))
    return failure(ENOSPC, "zone: the process has as many zones as it can have");
  return zone.release();
}

owner_place owner_of(khelp_uma_zone_t zone, void* item) noexcept {
  return zone->owner_of(item);
}

bool has_constructor(khelp_uma_zone_t zone) noexcept {
  return zone->ctor != nullptr;
}
bool has_destructor(khelp_uma_zone_t zone) noexcept {
  return zone->dtor != nullptr;
}

khelp_uma_zone_t zone_of(const void* item) noexcept {
  return slab_of(item).zone;
}

bool serve(khelp_uma_zone_t zone, void* whom) noexcept {
  void* nobody = nullptr;
  return zone->served.compare_exchange_strong(nobody, whom);
}

void stop_serving(khelp_uma_zone_t zone) noexcept {
  zone->served = nullptr;
}

void* served_by(khelp_uma_zone_t zone) noexcept {
  return zone->served;
}

bool add_owners(khelp_uma_zone_t zone) noexcept {
  return zone->add_owners();
}

void for_each_owned(khelp_uma_zone_t zone, void (*fn)(void* arg, void* item, owner_place owner),
                    void* arg) {
  struct walk {
    khelp_uma_zone& zone;
    zone_pin pin;
    slab* s;
    explicit walk(khelp_uma_zone& z) : zone(z) {
      pin.walks = true;
      lock_guard held(zone.lock);
      zone.pin(pin);
      s = zone.slabs.all().first();
    }
    ~walk() { zone.unpin(pin); }
    void step() {
      lock_guard held(zone.lock);
      s = slab_list<&slab::among_all>::next(*s);
    }
  };
  for (walk w(*zone); w.s != nullptr; w.step()) {
    for (unsigned i = 0; i < zone->layout.items; ++i) {
      const owner_place owner = zone->layout.owner_of(*w.s, i);
      if (!owner.is_nobody())
        fn(arg, zone->layout.item(*w.s, i), owner);
    }
  }
}

}  // namespace khelp::uma
