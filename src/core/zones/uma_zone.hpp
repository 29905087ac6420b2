// A zone: a keg of slabs, a depot of magazines, the threads' caches, a limit.
//
//   thread's cache  <->  depot (magazines)  <->  keg (slabs)  <->  the system
//
// Every item is in one of them or with a user:
//   out == with users + in caches + in the depot        (items the keg does not have)
//   with users == sum of allocs - sum of frees
// A thread that waited at the limit has its place in `out` before it has its item.
//
// A zone near its limit is `tight`: caches and depot are empty and closed, frees go straight to the
// keg and hand their place to whoever waits longest. So nobody waits for an item that lies free in
// another thread's cache.
#pragma once

#include <cstdint>
#include <memory>
#include <pthread.h>
#include <string>

#include "core/zones/uma_cache.hpp"
#include "core/zones/uma_keg.hpp"
#include "core/zones/uma_magazine.hpp"
#include "sync/mutex.hpp"

namespace khelp::uma {

// A thread that sleeps on a zone's limit. Lives on its stack, in the zone's queue until granted.
struct waiter {
  waiter* next = nullptr;
  std::atomic<std::uint32_t> granted{0};  // futex word. 1: `out` already counts this one's item
};

// Somebody uses a zone without its lock: the zone stays. While somebody walks, its slabs stay too.
struct zone_pin {
  zone_pin* next = nullptr;
  pthread_t owner = pthread_self();
  bool walks = false;
};

// How an item's life differs from "hand it out, take it back".
enum work : std::uint32_t {
  work_callback = 1,  // ctor (of allocations), dtor (of frees)
  work_debug = 2,
  work_asan = 4,
};

}  // namespace khelp::uma

struct khelp_uma_zone {
  khelp_uma_zone(std::string zone_name, std::size_t size, std::size_t item_alignment,
                 std::uint32_t zone_flags, int debug_level);

  // ---- constant once the zone is made ----
  // Where the fast paths find a thread's cache (bytes from its first): the zone's, or, when
  // there is work to do, one that is always closed. So they need not ask.
  std::uint32_t alloc_cache = 0;
  std::uint32_t free_cache = 0;
  std::uint32_t cache_offset = 0;  // the zone's
  std::uint32_t alloc_work = 0;    // enum work
  std::uint32_t free_work = 0;
  const int item_size;
  std::uint32_t flags;  // add_owners() may add one, before the first slab
  const int debug;      // KHELP_UMA_DEBUG_...
  const std::size_t alignment;
  const std::string name;
  unsigned index = 0;    // of its caches; its place in the registry
  bool poisons = false;  // free items are filled with a pattern
  khelp_uma_ctor ctor = nullptr;
  khelp_uma_dtor dtor = nullptr;
  khelp_uma_init init = nullptr;
  khelp_uma_fini fini = nullptr;
  khelp::uma::slab_layout layout;  // add_owners() changes it, before the first slab

  // ---- the registry's lock (uma_registry.hpp) ----
  khelp_uma_zone* next = nullptr;
  unsigned number = 0;  // tells zones of one name apart

  // ---- its own lock; innermost but for the magazines' pool ----
  khelp::mutex lock;
  khelp::uma::keg slabs KHELP_GUARDED_BY(lock);
  khelp::uma::magazine_list full KHELP_GUARDED_BY(lock);  // the depot: none is empty
  khelp::uma::magazine_list empty KHELP_GUARDED_BY(lock);
  std::uint64_t in_depot KHELP_GUARDED_BY(lock) = 0;
  unsigned depot_low KHELP_GUARDED_BY(lock) = 0;  // fewest magazines in `full` since the last trim
  unsigned bucket_size KHELP_GUARDED_BY(lock);    // items of a magazine that are used; 0: no caches
  std::uint64_t max_depot KHELP_GUARDED_BY(lock) = UINT64_MAX;
  std::uint64_t out KHELP_GUARDED_BY(lock) = 0;
  std::uint64_t limit KHELP_GUARDED_BY(lock) = 0;  // of `out`; 0: none
  std::uint64_t reserve KHELP_GUARDED_BY(lock) = 0;
  khelp::uma::waiter* first_waiter KHELP_GUARDED_BY(lock) = nullptr;
  khelp::uma::waiter* last_waiter KHELP_GUARDED_BY(lock) = nullptr;
  std::uint64_t granted KHELP_GUARDED_BY(lock) = 0;  // waiters granted that have not come yet
  khelp::uma::zone_pin* pins KHELP_GUARDED_BY(lock) = nullptr;
  std::atomic<std::uint32_t> unpinned{0};  // futex word of those who wait for pins to go
  bool had_slabs KHELP_GUARDED_BY(lock) = false;
  bool tight KHELP_GUARDED_BY(lock) = false;
  std::uint64_t fails KHELP_GUARDED_BY(lock) = 0;
  std::uint64_t sleeps KHELP_GUARDED_BY(lock) = 0;
  std::uint64_t cross KHELP_GUARDED_BY(lock) = 0;
  std::uint64_t orphan_allocs KHELP_GUARDED_BY(lock) = 0;  // by threads without caches
  std::uint64_t orphan_frees KHELP_GUARDED_BY(lock) = 0;
  std::shared_ptr<const std::string> warning KHELP_GUARDED_BY(lock);  // nullptr: none
  std::int64_t warned_at KHELP_GUARDED_BY(lock) = INT64_MIN;          // monotonic seconds
  void (*maxaction)(khelp_uma_zone*, int) KHELP_GUARDED_BY(lock) = nullptr;
  std::atomic<void*> served{nullptr};

  khelp::uma::owner_place owner_of(void* item) const noexcept {
    khelp::uma::slab& s = khelp::uma::slab_of(item);
    return layout.owner_of(s, layout.index(s, item));
  }
  khelp::uma::zone_cache& my_cache() const noexcept { return khelp::uma::cache_at(cache_offset); }

  // ---- items that do not come from the fast path, without their life (uma_life.hpp) ----

  // An item, or nullptr. Called when my_cache().alloc() said no.
  void* fetch(int request);
  // Either: the whole way, fast path first.
  void* get(int request) {
    void* item;
    return my_cache().alloc(item) ? item : fetch(request);
  }
  // Take an item back. Called when my_cache().free() said no.
  void put_back(void* item) noexcept;
  void give_back(void* item) noexcept {
    if (!my_cache().free(item))
      put_back(item);
  }
  void count_failure() noexcept;

  // ---- limits ----
  void set_limit(std::uint64_t items) noexcept;
  void set_max_cached(std::uint64_t items) noexcept;

  // ---- slabs ----

  enum class growth { done, no_memory, init_failed };
  // Map slabs in a row and run init on their items. No lock is held.
  growth add_slabs(int request, unsigned count);
  // How many it grows by now; 1 where each needs work.
  unsigned run_of_slabs() noexcept;
  // Give slabs without items in use back to the system, running fini. `for_good`: the zone ends.
  void release_slabs(bool for_good);

  // ---- gathering free items into the keg (uma_gather.cpp) ----

  void gather() noexcept KHELP_REQUIRES(lock);  // from all caches and the depot
  void gather_depot(unsigned magazines) noexcept KHELP_REQUIRES(lock);
  // The ending thread's: what it holds goes to the depot.
  void retire_cache(khelp::uma::zone_cache& cache) noexcept KHELP_REQUIRES(lock);
  // Every thread's cache as if the zone had never been. The zone is not in use.
  void forget_caches() noexcept KHELP_REQUIRES(lock);

  // Have the items places for owners. False: there are slabs without.
  bool add_owners() noexcept;

  // ---- pins ----
  void pin(khelp::uma::zone_pin& p) noexcept KHELP_REQUIRES(lock);
  void unpin(khelp::uma::zone_pin& p) noexcept KHELP_EXCLUDES(lock);
  void wait_for_pins() noexcept KHELP_EXCLUDES(lock);
  // This thread's, walks not counted. In the child of a fork.
  std::uint32_t own_pins() const noexcept KHELP_NO_TSA;

  // In the child of a fork; the parent's thread held the lock.
  void after_fork() noexcept KHELP_REQUIRES(lock);

  // What the comments above say of counts, lists and `tight` (assert.hpp). Walks the depot.
  void check_counts() const noexcept KHELP_REQUIRES(lock);
  // And the keg. Walks all slabs.
  void check_invariants() const noexcept KHELP_REQUIRES(lock);

  std::uint64_t total_allocs() noexcept KHELP_REQUIRES(lock);
  std::uint64_t total_frees() noexcept KHELP_REQUIRES(lock);

 private:
  class slow_alloc;
  enum class fetched { item, limit, no_free_item };

  fetched try_fetch(slow_alloc& alloc, int request) noexcept KHELP_REQUIRES(lock);
  bool caches_items() const noexcept KHELP_REQUIRES(lock);
  bool at_limit() const noexcept KHELP_REQUIRES(lock) {
    return limit != 0 && (out >= limit || first_waiter != nullptr);
  }
  bool reopen(khelp::uma::zone_cache& cache) noexcept KHELP_REQUIRES(lock);
  void* from_cache(khelp::uma::zone_cache& cache) noexcept KHELP_REQUIRES(lock);
  bool to_cache(khelp::uma::zone_cache& cache, void* item) noexcept KHELP_REQUIRES(lock);
  void* from_keg(khelp::uma::zone_cache* cache, int request, bool granted) noexcept
      KHELP_REQUIRES(lock);
  void to_keg(void* item) noexcept KHELP_REQUIRES(lock);
  void empty_into_keg(khelp::uma::magazine& m) noexcept KHELP_REQUIRES(lock);
  void take_contents(khelp::uma::zone_cache& cache) noexcept KHELP_REQUIRES(lock);
  void keep_empty(khelp::uma::magazine* m) noexcept KHELP_REQUIRES(lock);
  void to_depot(khelp::uma::magazine* m, khelp::uma::zone_cache& from) noexcept
      KHELP_REQUIRES(lock);
  void admit_waiters() noexcept KHELP_REQUIRES(lock);
  void sleep_on_limit(khelp::uma::waiter& me) noexcept KHELP_EXCLUDES(lock);
  void tell_limit() KHELP_EXCLUDES(lock);
  bool may_release(bool for_good) const noexcept KHELP_REQUIRES(lock);
  static khelp::uma::slab_layout::wants wants_of(std::uint32_t flags, int debug) noexcept;
  bool run_init(khelp::uma::slab& s, int request);
  void run_fini(khelp::uma::slab& s, unsigned count) noexcept;
};

namespace khelp::uma {

// khelp_uma_zalloc_arg(), without zeroing, and khelp_uma_zfree_arg() in two halves, for callers that
// cannot afford a call. The second half is due when the first returns false.
inline bool alloc_fast(khelp_uma_zone& zone, void*& item) {
  return cache_at(zone.alloc_cache).alloc(item);
}
void* alloc_slowly(khelp_uma_zone& zone, void* arg, int request, const void* site);
inline bool free_fast(khelp_uma_zone& zone, void* item) {
  return cache_at(zone.free_cache).free(item);
}
void free_slowly(khelp_uma_zone& zone, void* item, void* arg);

}  // namespace khelp::uma
