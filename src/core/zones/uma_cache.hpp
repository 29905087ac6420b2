// A thread's cache of one zone: two magazines, and the zone's statistics of this thread.
//
// The owning thread allocates and frees here without a lock and without a shared line. Others take
// what a cache holds by closing it (under the zone's lock, which the owner needs for anything but
// the fast path):
//
//   owner:  ++allocs (or frees) | load floor (ceiling); beyond it: slow path; else move top
//   closer: floor, ceiling = closed | heavy barrier; wait until at_rest()
//
// `|` is a barrier, the owner's a light one. Either the closer sees that the owner has begun, and
// waits until it has moved top; or the owner sees that the cache is closed. The counters thus say
// two things: how often, and "I am in the middle of it":
//
//   at rest: items held == frees - allocs + balance
//
// The owner's slow path puts `balance` right before it takes the lock.
//
// Not for signal handlers: a handler that allocates in the middle of an allocation breaks it.
#pragma once

#include <cstdint>

#include "core/zones/uma_magazine.hpp"
#include "sync/barrier.hpp"
#include "sync/counters.hpp"  // KHELP_UNDER_TSAN
#include "sync/thread_record.hpp"
#include "sync/word.hpp"

namespace khelp::uma {

struct alignas(64) zone_cache {
  // Owner writes, others read.
  void** top = nullptr;  // behind the last item of the loaded magazine
  // Zone's lock writes, owner reads. A cache that was never used is closed.
  void** floor = nullptr;    // alloc: top must be above
  void** ceiling = nullptr;  // free: top must be below
  // Owner writes, others read.
  std::uint64_t allocs = 0;
  std::uint64_t frees = 0;
  std::uint64_t balance = 0;
  // Zone's lock. Written by the owner only, or when it is certain that the owner is elsewhere.
  magazine* loaded = nullptr;
  magazine* other = nullptr;

  // ---- the owner's fast path ----

  // False: take the slow path.
  bool alloc(void*& item) noexcept {
    count(allocs);
    light_barrier();
    void** position = load_relaxed(top);
    if (position <= read_now(floor)) [[unlikely]]
      return false;
    item = position[-1];
    store_release(top, position - 1);
    return true;
  }
  bool free(void* item) noexcept {
    count(frees);
    light_barrier();
    void** position = load_relaxed(top);
    if (position >= read_now(ceiling)) [[unlikely]]
      return false;
    *position = item;
    store_release(top, position + 1);
    return true;
  }

  // ---- the owner's slow path, before it takes the lock ----

  void begin_alloc() noexcept { count(allocs); }  // for caches that were not there before
  void begin_free() noexcept { count(frees); }
  void alloc_goes_slow() noexcept { store_release(balance, load_relaxed(balance) + 1); }
  void free_goes_slow() noexcept { store_release(balance, load_relaxed(balance) - 1); }

  // ---- under the zone's lock ----

  bool used() const noexcept { return loaded != nullptr; }
  // Items in the loaded magazine. Of a cache of another thread: once it is at rest.
  std::uint64_t held() const noexcept {
    return loaded == nullptr ? 0 : static_cast<std::uint64_t>(load_acquire(top) - loaded->items);
  }
  bool at_rest() const noexcept {
    const std::uint64_t b = load_acquire(balance);
    const std::uint64_t a = load_acquire(allocs);
    const std::uint64_t f = load_acquire(frees);
    return held() == f - a + b;
  }

  void close() noexcept {
    if (load_relaxed(floor) != emptied())
      store_relaxed(floor, closed());
    store_relaxed(ceiling, nullptr);
  }
  // What the loaded magazine holds was taken by somebody else; the owner resets it when it comes.
  void mark_emptied() noexcept { store_relaxed(floor, emptied()); }
  bool is_emptied() const noexcept { return load_relaxed(floor) == emptied(); }

  // The rest: owner only, or for one that is gone. settle() is due after each.

  // Load this magazine and let the fast path use it.
  void load(magazine& m, unsigned bucket_size) noexcept {
    loaded = &m;
    store_release(top, m.items + m.count);
    store_relaxed(floor, m.items);
    store_relaxed(ceiling, m.items + bucket_size);
  }
  // Have m.count say how many items the loaded magazine holds.
  void sync_count() noexcept { loaded->count = is_emptied() ? 0 : held(); }
  // As if it had never been used; the magazines are the caller's.
  void unload() noexcept {
    loaded = nullptr;
    other = nullptr;
    store_release(top, nullptr);
    store_relaxed(floor, nullptr);
    store_relaxed(ceiling, nullptr);
  }
  void* pop() noexcept {
    void** position = load_relaxed(top) - 1;
    store_release(top, position);
    return *position;
  }
  void push(void* item) noexcept {
    void** position = load_relaxed(top);
    *position = item;
    store_release(top, position + 1);
  }
  void settle() noexcept {
    store_release(balance, held() + load_relaxed(allocs) - load_relaxed(frees));
  }

 private:
  static void** closed() noexcept { return reinterpret_cast<void**>(UINTPTR_MAX); }
  static void** emptied() noexcept { return reinterpret_cast<void**>(UINTPTR_MAX - 1); }

#if defined(__x86_64__) && !KHELP_UNDER_TSAN
  // One instruction each: an add to memory, a comparison with memory. The compiler keeps them where
  // they are for the light barriers around them; the machine reads and writes aligned words whole
  // and keeps stores in order.
  static void count(std::uint64_t& counter) noexcept {
    light_barrier();
    asm volatile("addq $1, %0" : "+m"(counter));
  }
  static void** read_now(void** const& word) noexcept {
    return word;
  }
#else
  static void count(std::uint64_t& counter) noexcept {
    store_release(counter, load_relaxed(counter) + 1);
  }
  static void** read_now(void** const& word) noexcept {
    return load_relaxed(word);
  }
#endif
};
static_assert(sizeof(zone_cache) == 64);

// ---- where a thread's caches are ----

inline constexpr unsigned max_zones = 32768;
// The cache with this index is never used by a zone, and so always closed.
inline constexpr unsigned always_closed = 0;

// One cache for each zone index; memory only where it was used. thread_record::caches says where
// for those who look from outside. A thread without caches of its own points at `no_caches`, which
// are closed and whose counters mean nothing.
extern zone_cache no_caches[max_zones] __attribute__((visibility("hidden")));
extern __thread zone_cache* thread_caches
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

inline zone_cache& cache_at(std::uint32_t offset) noexcept {
  return *reinterpret_cast<zone_cache*>(reinterpret_cast<char*>(thread_caches) + offset);
}

// This thread's caches, made if need be. False: no memory, or there is no barrier that would let
// others look into them; the thread goes on without.
bool adopt_caches() noexcept;

// Call fn(cache, record) for a zone's cache in every thread that has caches.
template <class Fn>
void for_each_cache(unsigned zone_index, Fn fn) {
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (void* caches = load_acquire(r->caches))
      fn(static_cast<zone_cache*>(caches)[zone_index], *r);
  }
}

}  // namespace khelp::uma
