#include "core/zones/uma_magazine.hpp"

#include <new>

#include "core/zones/uma_keg.hpp"
#include "sync/mutex.hpp"

namespace khelp::uma {
namespace {

// Innermost: taken under zones' locks.
mutex pool_mutex;
keg pool KHELP_GUARDED_BY(pool_mutex);
const slab_layout pool_layout(sizeof(magazine), alignof(magazine), {});

}  // namespace

magazine* make_magazine() noexcept {
  lock_guard held(pool_mutex);
  if (pool.free_items() == 0) {
    slab* s = map_slabs(nullptr, pool_layout, true, 1);
    if (s == nullptr)
      return nullptr;
    pool.add(*s);
  }
  void* memory = nullptr;
  pool.take(pool_layout, &memory, 1);
  return new (memory) magazine;
}

void free_magazine(magazine* m) noexcept {
  lock_guard held(pool_mutex);
  pool.put(pool_layout, m);
}

void trim_magazines() noexcept {
  slab_unmapping gone(pool_layout);
  lock_guard held(pool_mutex);
  while (slab* s = pool.detach_free_slab())
    gone.add(*s);
}

void lock_magazines() noexcept KHELP_NO_TSA {
  pool_mutex.lock();
}

void unlock_magazines() noexcept KHELP_NO_TSA {
  pool_mutex.unlock();
}

}  // namespace khelp::uma
