/// refcount(9): counts of references, changed without a lock.
#ifndef KHELP_FREEBSD_SYS_REFCOUNT_H
#define KHELP_FREEBSD_SYS_REFCOUNT_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/param.h>

#define KHELP_REFCOUNT(count) ((volatile _Atomic(unsigned)*)(count))

static inline void refcount_init(volatile unsigned* count, unsigned value) {
  atomic_init(KHELP_REFCOUNT(count), value);
}

static inline unsigned refcount_load(volatile unsigned* count) {
  return atomic_load(KHELP_REFCOUNT(count));
}

/// Add references. Returns how many there were.
static inline unsigned refcount_acquiren(volatile unsigned* count, unsigned n) {
  const unsigned before = atomic_fetch_add(KHELP_REFCOUNT(count), n);
  KASSERT(before <= UINT_MAX - n, ("refcount %p overflows", (volatile void*)count));
  return before;
}
static inline unsigned refcount_acquire(volatile unsigned* count) {
  return refcount_acquiren(count, 1);
}

/// False: there would be too many, and none was added.
static inline bool refcount_acquire_checked(volatile unsigned* count) {
  unsigned before = refcount_load(count);
  while (before < INT_MAX) {
    if (atomic_compare_exchange_weak(KHELP_REFCOUNT(count), &before, before + 1))
      return true;
  }
  return false;
}
/// False: there was none any more.
static inline bool refcount_acquire_if_not_zero(volatile unsigned* count) {
  unsigned before = refcount_load(count);
  while (before != 0) {
    if (atomic_compare_exchange_weak(KHELP_REFCOUNT(count), &before, before + 1))
      return true;
  }
  return false;
}

/// Take references away. True: these were the last.
static inline bool refcount_releasen(volatile unsigned* count, unsigned n) {
  const unsigned before = atomic_fetch_sub(KHELP_REFCOUNT(count), n);
  KASSERT(before >= n, ("refcount %p is released too often", (volatile void*)count));
  return before == n;
}
static inline bool refcount_release(volatile unsigned* count) {
  return refcount_releasen(count, 1);
}

/// Take one away if it is (or is not) the last. False: nothing was done.
static inline bool refcount_release_if_last(volatile unsigned* count) {
  unsigned last = 1;
  return atomic_compare_exchange_strong(KHELP_REFCOUNT(count), &last, 0);
}
static inline bool refcount_release_if_not_last(volatile unsigned* count) {
  unsigned before = refcount_load(count);
  while (before > 1) {
    if (atomic_compare_exchange_weak(KHELP_REFCOUNT(count), &before, before - 1))
      return true;
  }
  return false;
}

#endif
