#include "core/zones/uma_registry.hpp"

#include <algorithm>
#include <sys/mman.h>

namespace khelp::uma {

constinit zone_cache no_caches[max_zones];
__thread zone_cache* thread_caches = no_caches;
mutex zones_mutex;

namespace {

khelp_uma_zone* zones KHELP_GUARDED_BY(zones_mutex) = nullptr;
khelp_uma_zone* zones_by_index[max_zones] KHELP_GUARDED_BY(zones_mutex);
// A zone that has left keeps its index until nobody walks it any more: whoever does looks into the caches
// of that index, which would be another zone's.
bool index_is_taken[max_zones] KHELP_GUARDED_BY(zones_mutex);
// No index from here on was ever given.
unsigned indices_end KHELP_GUARDED_BY(zones_mutex) = always_closed + 1;
std::atomic<bool> warnings{true};
// This thread's record is about to be another's: its caches are not to be taken up again.
__thread bool gives_back_caches __attribute__((tls_model("initial-exec"))) = false;

// The thread that a record belonged to has ended, perhaps in the middle of an allocation. What its
// caches hold is the next owner's.
void inherit_caches(zone_cache* caches) noexcept {
  lock_guard held(zones_mutex);
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next) {
    lock_guard zone_held(z->lock);
    caches[z->index].settle();
  }
}

void thread_ends(thread_record& record) noexcept {
  thread_caches = no_caches;
  gives_back_caches = true;
  auto* caches = static_cast<zone_cache*>(load_relaxed(record.caches));
  if (caches == nullptr)
    return;
  lock_guard held(zones_mutex);
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next) {
    lock_guard zone_held(z->lock);
    z->retire_cache(caches[z->index]);
  }
}

zone_cache* map_caches() noexcept {
  void* memory = mmap(nullptr, sizeof no_caches, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<zone_cache*>(memory);
}

unsigned next_number(const khelp_uma_zone& zone) noexcept KHELP_REQUIRES(zones_mutex) {
  unsigned number = 0;
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next) {
    if (z->name == zone.name)
      number = z->number + 1;
  }
  return number;
}

}  // namespace

bool adopt_caches() noexcept {
  if (decide_barrier_mode() != barrier_mode::membarrier)
    return false;
  if (gives_back_caches && this_record != nullptr)
    return false;
  thread_record* record = enrol();
  if (record == nullptr)
    return false;
  gives_back_caches = false;
  auto* caches = static_cast<zone_cache*>(load_relaxed(record->caches));
  if (caches != nullptr) {
    inherit_caches(caches);
  } else {
    caches = map_caches();
    if (caches == nullptr)
      return false;
    store_release(record->caches, caches);
  }
  thread_caches = caches;
  return true;
}

khelp_uma_zone* first_zone() noexcept {
  return zones;
}

bool enter_zone(khelp_uma_zone& zone) noexcept {
  at_thread_end(thread_ends);
  lock_guard held(zones_mutex);
  unsigned index = always_closed + 1;
  while (index < max_zones && index_is_taken[index])
    ++index;
  if (index == max_zones)
    return false;
  index_is_taken[index] = true;
  zones_by_index[index] = &zone;
  indices_end = std::max(indices_end, index + 1);
  zone.index = index;
  constexpr auto bytes = static_cast<std::uint32_t>(sizeof(zone_cache));
  zone.cache_offset = index * bytes;
  zone.alloc_cache = (zone.alloc_work == 0 ? index : always_closed) * bytes;
  zone.free_cache = (zone.free_work == 0 ? index : always_closed) * bytes;
  zone.number = next_number(zone);
  khelp_uma_zone** link = &zones;
  while (*link != nullptr)
    link = &(*link)->next;
  *link = &zone;
  return true;
}

void leave_zone(khelp_uma_zone& zone) noexcept {
  {
    lock_guard held(zones_mutex);
    khelp_uma_zone** link = &zones;
    while (*link != &zone)
      link = &(*link)->next;
    *link = zone.next;
    zones_by_index[zone.index] = nullptr;
  }
  zone.wait_for_pins();
  lock_guard held(zones_mutex);
  index_is_taken[zone.index] = false;
}

void for_each_zone(void (*fn)(void* arg, khelp_uma_zone& zone), void* arg) {
  struct pinned {
    khelp_uma_zone* zone = nullptr;
    zone_pin pin;
    ~pinned() {
      if (zone != nullptr)
        zone->unpin(pin);
    }
  };
  for (unsigned index = 0;; ++index) {
    pinned p;
    {
      lock_guard held(zones_mutex);
      while (index < indices_end && zones_by_index[index] == nullptr)
        ++index;
      if (index == indices_end)
        return;
      khelp_uma_zone* z = zones_by_index[index];
      lock_guard zone_held(z->lock);
      z->pin(p.pin);
      p.zone = z;
    }
    fn(arg, *p.zone);
  }
}

bool warnings_on() noexcept {
  return warnings;
}

void switch_warnings(bool on) noexcept {
  warnings = on;
}

// ---- fork ----

void fork_prepare() noexcept KHELP_NO_TSA {
  zones_mutex.lock();
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next)
    z->lock.lock();
  lock_magazines();
}

void fork_parent() noexcept KHELP_NO_TSA {
  unlock_magazines();
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next)
    z->lock.unlock();
  zones_mutex.unlock();
}

void fork_child() noexcept KHELP_NO_TSA {
  unlock_magazines();
  for (khelp_uma_zone* z = zones; z != nullptr; z = z->next) {
    z->after_fork();
    z->lock.unlock();
  }
  zones_mutex.unlock();
}

}  // namespace khelp::uma
