// Getting at the free items that caches and the depot hold (uma_cache.hpp tells how).
#include "core/zones/uma_zone.hpp"
#include "sync/futex.hpp"
#include "sync/patience.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

void wait_until_at_rest(const zone_cache& cache, const thread_record& record) noexcept {
  patience waiting;
  while (!cache.at_rest()) {
    if (waiting.turn() && owner_is_dead(record))
      return;
  }
}

bool holds_items(const zone_cache& cache) noexcept {
  return cache.used() && !cache.is_emptied();
}

}  // namespace

void khelp_uma_zone::empty_into_keg(magazine& m) noexcept {
  for (std::uint64_t i = 0; i < m.count; ++i)
    slabs.put(layout, m.items[i]);
  out -= m.count;
  m.count = 0;
}

void khelp_uma_zone::take_contents(zone_cache& cache) noexcept {
  if (!holds_items(cache))
    return;
  cache.close();
  cache.sync_count();
  empty_into_keg(*cache.loaded);
  if (cache.other != nullptr)
    empty_into_keg(*cache.other);
  cache.mark_emptied();
}

void khelp_uma_zone::gather_depot(unsigned magazines) noexcept {
  for (; magazines != 0 && !full.empty(); --magazines) {
    magazine* m = full.pop();
    in_depot -= m->count;
    empty_into_keg(*m);
    keep_empty(m);
  }
  depot_low = full.length();
}

void khelp_uma_zone::gather() noexcept {
  bool others = false;
  for_each_cache(index, [&](zone_cache& cache, thread_record& record) {
    if (!holds_items(cache))
      return;
    cache.close();
    others = others || &record != this_record;
  });
  // Refused: the others stay closed and empty themselves when they come to the slow path.
  const bool others_too = others && heavy_barrier();
  for_each_cache(index, [&](zone_cache& cache, thread_record& record) KHELP_NO_TSA {
    if (!holds_items(cache) || (!others_too && &record != this_record))
      return;
    if (&record != this_record)
      wait_until_at_rest(cache, record);
    take_contents(cache);
  });
  gather_depot(full.length());
  admit_waiters();
  check_invariants();
}

void khelp_uma_zone::retire_cache(zone_cache& cache) noexcept {
  if (!cache.used())
    return;
  cache.sync_count();
  magazine* magazines[] = {cache.loaded, cache.other};
  cache.unload();
  cache.settle();
  for (magazine* m : magazines) {
    if (m == nullptr)
      continue;
    if (m->count == 0)
      keep_empty(m);
    else
      to_depot(m, cache);
  }
  admit_waiters();
  check_counts();
}

void khelp_uma_zone::forget_caches() noexcept {
  for_each_cache(index, [](zone_cache& cache, thread_record&) {
    for (magazine* m : {cache.loaded, cache.other}) {
      if (m != nullptr)
        free_magazine(m);
    }
    cache.unload();
    store_relaxed(cache.allocs, 0);
    store_relaxed(cache.frees, 0);
    cache.settle();
  });
  while (magazine* m = empty.pop())
    free_magazine(m);
}

std::uint64_t khelp_uma_zone::total_allocs() noexcept {
  std::uint64_t sum = orphan_allocs;
  for_each_cache(index, [&](zone_cache& c, thread_record&) { sum += load_acquire(c.allocs); });
  return sum;
}

std::uint64_t khelp_uma_zone::total_frees() noexcept {
  std::uint64_t sum = orphan_frees;
  for_each_cache(index, [&](zone_cache& c, thread_record&) { sum += load_acquire(c.frees); });
  return sum;
}

// ---- pins ----

void khelp_uma_zone::pin(zone_pin& p) noexcept {
  p.next = pins;
  pins = &p;
}

void khelp_uma_zone::unpin(zone_pin& p) noexcept {
  lock_guard held(lock);
  zone_pin** link = &pins;
  while (*link != &p)
    link = &(*link)->next;
  *link = p.next;
  if (pins == nullptr) {
    ++unpinned;
    futex_wake_all(unpinned);
  }
}

void khelp_uma_zone::wait_for_pins() noexcept {
  constexpr std::int64_t slice_ns = 100'000'000;
  while (true) {
    const std::uint32_t seen = unpinned;
    {
      lock_guard held(lock);
      if (pins == nullptr)
        return;
    }
    futex_wait(unpinned, seen, slice_ns);
  }
}

std::uint32_t khelp_uma_zone::own_pins() const noexcept {
  std::uint32_t count = 0;
  for (const zone_pin* p = pins; p != nullptr; p = p->next)
    count += !p->walks && pthread_equal(p->owner, pthread_self()) != 0 ? 1 : 0;
  return count;
}

// ---- fork ----

void khelp_uma_zone::after_fork() noexcept {
  // The other threads exist no more: those who waited, those who were granted and had not come.
  first_waiter = nullptr;
  last_waiter = nullptr;
  out -= granted;
  granted = 0;
  zone_pin** link = &pins;
  while (*link != nullptr) {
    if (pthread_equal((*link)->owner, pthread_self()) != 0)
      link = &(*link)->next;
    else
      *link = (*link)->next;
  }
  for_each_cache(index, [this](zone_cache& cache, thread_record& record) KHELP_NO_TSA {
    if (&record == this_record)
      return;
    take_contents(cache);
    cache.settle();
  });
  admit_waiters();
}
