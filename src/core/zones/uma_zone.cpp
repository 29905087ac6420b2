#include "core/zones/uma_zone.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "core/zones/uma_life.hpp"
#include "core/zones/uma_registry.hpp"
#include "sync/futex.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

constexpr unsigned empties_kept = 16;
constexpr std::int64_t memory_retry_ns = 10'000'000;

// Magazines shrink as items grow, so that a cache does not hold much memory.
unsigned bucket_for(std::size_t stride, std::uint32_t flags) {
  if ((flags & KHELP_UMA_ZONE_NOBUCKET) != 0)
    return 0;
  if ((flags & KHELP_UMA_ZONE_MAXBUCKET) != 0)
    return magazine_capacity;
  constexpr std::size_t bytes = 32768;
  return static_cast<unsigned>(
      std::clamp<std::size_t>(bytes / stride, 2, std::size_t{magazine_capacity}));
}

}  // namespace

khelp_uma_zone::khelp_uma_zone(std::string zone_name, std::size_t size, std::size_t item_alignment,
                               std::uint32_t zone_flags, int debug_level)
    : item_size(static_cast<int>(size)),
      flags(zone_flags),
      debug(debug_level),
      alignment(item_alignment),
      name(std::move(zone_name)),
      layout(size, item_alignment, wants_of(zone_flags, debug_level)),
      bucket_size(bucket_for(layout.stride, zone_flags)) {}

// ---- the slow half of an allocation ----

// One allocation on its slow path: counted, and perhaps with a place below the limit. Unless it
// ends with an item, both are taken back.
class khelp_uma_zone::slow_alloc {
 public:
  explicit slow_alloc(khelp_uma_zone& z) noexcept : zone_(z) {
    if (thread_caches != no_caches) {
      cache_ = &z.my_cache();
    } else if (adopt_caches()) {
      cache_ = &z.my_cache();
      cache_->begin_alloc();
    } else {
      lock_guard held(z.lock);
      ++z.orphan_allocs;
      return;
    }
    cache_->alloc_goes_slow();
  }
  slow_alloc(const slow_alloc&) = delete;
  slow_alloc& operator=(const slow_alloc&) = delete;
  ~slow_alloc() {
    if (item_ != nullptr)
      return;
    lock_guard held(zone_.lock);
    if (cache_ == nullptr) {
      --zone_.orphan_allocs;
    } else {
      store_relaxed(cache_->allocs, cache_->allocs - 1);
      cache_->settle();
    }
    if (queued_) {
      --zone_.out;
      zone_.admit_waiters();
    }
    ++zone_.fails;
  }

  void sleep_on_limit() noexcept {
    waiter me;
    zone_.sleep_on_limit(me);
    queued_ = true;
  }

  void* item() const noexcept { return item_; }

 private:
  friend struct khelp_uma_zone;

  khelp_uma_zone& zone_;
  zone_cache* cache_ = nullptr;
  void* item_ = nullptr;
  bool queued_ = false;  // it waited its turn: `out` counts its item already
};

khelp_uma_zone::fetched khelp_uma_zone::try_fetch(slow_alloc& alloc, int request) noexcept {
  if (alloc.cache_ != nullptr && !alloc.queued_)
    alloc.item_ = from_cache(*alloc.cache_);
  if (alloc.item_ == nullptr && !alloc.queued_ && at_limit()) {
    if (!tight) {
      tight = true;
      gather();
    }
    if (at_limit())
      return fetched::limit;
  }
  if (alloc.item_ == nullptr)
    alloc.item_ = from_keg(alloc.cache_, request, alloc.queued_);
  return alloc.item_ != nullptr ? fetched::item : fetched::no_free_item;
}

void* khelp_uma_zone::fetch(int request) {
  slow_alloc alloc(*this);
  const bool may_sleep = (request & KHELP_M_WAITOK) != 0;
  bool told = false;
  bool gathered = false;
  while (true) {
    fetched outcome;
    {
      lock_guard held(lock);
      outcome = try_fetch(alloc, request);
      check_counts();
    }
    if (outcome == fetched::item)
      return alloc.item();

    if (outcome == fetched::limit) {
      if (!told) {
        told = true;
        tell_limit();
        if (may_sleep)
          continue;  // the action may have made room
      }
      if (!may_sleep)
        return nullptr;
      alloc.sleep_on_limit();
      continue;
    }

    growth grown = add_slabs(request, run_of_slabs());
    if (grown == growth::no_memory)
      grown = add_slabs(request, 1);
    if (grown == growth::done)
      continue;
    if (grown == growth::init_failed)
      return nullptr;
    if (!gathered) {
      gathered = true;
      lock_guard held(lock);
      gather();
      continue;
    }
    if (!may_sleep)
      return nullptr;
    // Nobody tells us when the system has memory again.
    std::atomic<std::uint32_t> nobody{0};
    futex_wait(nobody, 0, memory_retry_ns);
  }
}

bool khelp_uma_zone::caches_items() const noexcept {
  if (bucket_size == 0 || tight)
    return false;
  if (limit != 0 && limit <= 2 * std::uint64_t{bucket_size})
    return false;
  return slabs.free_items() >= reserve;
}

bool khelp_uma_zone::reopen(zone_cache& cache) noexcept {
  if (cache.used()) {
    cache.sync_count();
    cache.load(*cache.loaded, bucket_size);
    cache.settle();
    return true;
  }
  magazine* m = empty.pop();
  if (m == nullptr)
    m = make_magazine();
  if (m == nullptr)
    return false;
  cache.load(*m, bucket_size);
  cache.settle();
  return true;
}

void* khelp_uma_zone::from_cache(zone_cache& cache) noexcept {
  if (!caches_items()) {
    take_contents(cache);
    return nullptr;
  }
  if (!reopen(cache))
    return nullptr;
  if (cache.held() == 0) {
    magazine* spent = cache.loaded;
    spent->count = 0;
    if (cache.other != nullptr && cache.other->count != 0) {
      cache.load(*std::exchange(cache.other, spent), bucket_size);
    } else if (magazine* m = full.pop()) {
      depot_low = std::min(depot_low, full.length());
      in_depot -= m->count;
      if (m->filled_by != &cache)
        ++cross;
      cache.load(*m, bucket_size);
      if (cache.other == nullptr)
        cache.other = spent;
      else
        keep_empty(spent);
    } else {
      return nullptr;
    }
  }
  void* item = cache.pop();
  cache.settle();
  return item;
}

void* khelp_uma_zone::from_keg(zone_cache* cache, int request, bool queued) noexcept {
  const bool may_use_reserve = (request & KHELP_M_USE_RESERVE) != 0;
  const std::uint64_t kept = may_use_reserve ? 0 : reserve;
  if (slabs.free_items() <= kept)
    return nullptr;

  std::uint64_t wanted = 1;
  if (cache != nullptr && cache->used() && !queued && caches_items() && kept == reserve) {
    wanted = std::min<std::uint64_t>((bucket_size + 1) / 2, slabs.free_items() - kept);
    if (limit != 0)
      wanted = std::min(wanted, limit - out);
  }
  if (wanted > 1) {
    magazine& m = *cache->loaded;
    m.count = slabs.take(layout, m.items, static_cast<unsigned>(wanted));
    out += m.count;
    cache->load(m, bucket_size);
    void* item = cache->pop();
    cache->settle();
    return item;
  }
  void* item = nullptr;
  slabs.take(layout, &item, 1);
  if (!queued)
    ++out;
  return item;
}

// ---- the slow half of a free ----

void khelp_uma_zone::put_back(void* item) noexcept {
  zone_cache* cache = nullptr;
  if (thread_caches != no_caches) {
    cache = &my_cache();
  } else if (adopt_caches()) {
    cache = &my_cache();
    cache->begin_free();
  }
  if (cache != nullptr)
    cache->free_goes_slow();
  lock_guard held(lock);
  if (cache == nullptr)
    ++orphan_frees;
  else if (to_cache(*cache, item))
    return;
  to_keg(item);
}

bool khelp_uma_zone::to_cache(zone_cache& cache, void* item) noexcept {
  if (!caches_items()) {
    take_contents(cache);
    return false;
  }
  if (!reopen(cache))
    return false;
  if (cache.held() >= bucket_size) {
    magazine* loaded = cache.loaded;
    cache.sync_count();
    if (cache.other != nullptr && cache.other->count == 0) {
      cache.load(*std::exchange(cache.other, loaded), bucket_size);
    } else {
      magazine* m = empty.pop();
      if (m == nullptr)
        m = make_magazine();
      if (m == nullptr)
        return false;
      if (cache.other != nullptr)
        to_depot(cache.other, cache);
      cache.other = loaded;
      cache.load(*m, bucket_size);
    }
  }
  cache.push(item);
  cache.settle();
  return true;
}

void khelp_uma_zone::to_keg(void* item) noexcept {
  slabs.put(layout, item);
  --out;
  admit_waiters();
  check_counts();
}

void khelp_uma_zone::to_depot(magazine* m, zone_cache& from) noexcept {
  if (!caches_items() || in_depot + m->count > max_depot) {
    empty_into_keg(*m);
    keep_empty(m);
    return;
  }
  in_depot += m->count;
  m->filled_by = &from;
  full.push(*m);
}

void khelp_uma_zone::keep_empty(magazine* m) noexcept {
  m->count = 0;
  if (empty.length() < empties_kept)
    empty.push(*m);
  else
    free_magazine(m);
}

void khelp_uma_zone::count_failure() noexcept {
  lock_guard held(lock);
  ++fails;
}
