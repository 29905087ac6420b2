/// Sleeping until somebody says so: sleep queues, msleep(9) and wakeup(9), and a mutex to sleep
/// with.
///
/// A thread sleeps on a channel: any address, which is only compared. Code that changes what a sleeper
/// waits for wakes the channel. Threads that sleep on one channel are woken in the order in which
/// they went to sleep.
#ifndef KHELP_SLEEP_H
#define KHELP_SLEEP_H

#include <stdint.h>

#include <khelp/export.h>

struct timespec;

KHELP_BEGIN_DECLS

/// A mutex that a thread gives up while it sleeps. Starts zeroed. Not recursive.
///
/// Fork      in the child it is as it was: held, if another thread held it.
struct khelp_mutex {
  uint32_t khm_word;     /**< the library's */
  uint32_t khm_reserved; /**< 0 */
  const void* khm_owner; /**< the library's */
};

#ifdef __cplusplus
#define KHELP_MUTEX_INITIALIZER \
  {}
#else
#define KHELP_MUTEX_INITIALIZER \
  { 0 }
#endif

/// Lock; waits while another thread holds it. Not a cancellation point.
///
/// Errors   EDEADLK this thread holds it.
KHELP_API int khelp_mutex_lock(struct khelp_mutex* mutex) KHELP_NOTHROW;
/// Lock if nobody holds it. Errors: EBUSY somebody does (this thread, perhaps).
KHELP_API int khelp_mutex_try_lock(struct khelp_mutex* mutex) KHELP_NOTHROW;
/// Errors: EPERM this thread does not hold it.
KHELP_API int khelp_mutex_unlock(struct khelp_mutex* mutex) KHELP_NOTHROW;
/// Whether this thread holds it: 0 or 1.
KHELP_API int khelp_mutex_held(const struct khelp_mutex* mutex) KHELP_NOTHROW;

/// A sleep's `pri`: a priority, which is shown and changes nothing, and what is to happen.
#define KHELP_SLEEP_PRIMASK 0x0ff
#define KHELP_SLEEP_PCATCH 0x100 /**< signals end the sleep */
#define KHELP_SLEEP_PDROP 0x400  /**< do not lock again, whatever the outcome */
#define KHELP_SLEEP_PSPIN 0x800  /**< accepted, and nothing */

/// Sleep on a channel, without `mutex` meanwhile.
///
/// Shape    chan:  any address. NULL is never woken: without a time the thread gives up its turn
///                 and 0 is returned; with one it sleeps that long.
///          mutex: held by this thread. Released once the thread is in the queue, so that a wakeup
///                 by somebody who takes the mutex first is not lost; locked again before the
///                 return, unless PDROP. NULL: none.
///          wmesg: why, in a word or two, for khelp_sleep_list(); NULL is "unknown".
///          ts:    how long at most; NULL or {0, 0} is for ever.
/// Context  any thread, no signal handler. 0 may also be returned without a wakeup: test again.
///          A cancellation point, whatever `pri` says: a cancelled thread leaves the queue, hands a
///          wakeup_one() that had found it to the next, and holds the mutex (unless PDROP) while
///          its clean-up handlers run.
///          PCATCH: signals that this thread does not block are held back while it sleeps; their
///          handlers run before the mutex is locked again. A signal to the process ends this
///          sleep or is handled by another thread that takes it (it leaves it unblocked, or sleeps
///          so itself), never both; which, is not fixed.
/// Cost     two system calls in all (the sleep and the waking), none if the wakeup comes soon from
///          another CPU; PCATCH: about ten, and two descriptors. Without free descriptors signals
///          are looked for every 10 ms.
/// Errors   EWOULDBLOCK the time is over · PCATCH and a signal: EINTR, or KHELP_ERESTART if its
///          handler was installed with SA_RESTART, also when a wakeup came first (which is then
///          used up) · EINVAL a negative time, or 10^9 or more nanoseconds (D-3) · EPERM this
///          thread does not hold the mutex.
/// Source   Darwin msleep(). There a cancelled thread gets EINTR; here its cancellation goes on,
///          which is how POSIX threads end. Priorities: as there, without effect.
KHELP_API int khelp_msleep(const void* chan, struct khelp_mutex* mutex, int pri, const char* wmesg,
                           const struct timespec* ts);

/// A lock of any kind to sleep with. Both may be called with signals blocked; either may be NULL,
/// and nothing is done then.
struct khelp_interlock {
  void (*release)(void* lock);
  void (*acquire)(void* lock);
  void* lock;
};
/// khelp_msleep() with a lock of any kind (NULL: none), which the library cannot check.
KHELP_API int khelp_sleep(const void* chan, const struct khelp_interlock* interlock, int pri,
                          const char* wmesg, const struct timespec* ts);

/// How many sleep on the channels of one hash. Read by khelp_wakeup(), written by the library.
struct khelp_sleep_count {
  uint32_t sleepers;
  uint32_t reserved[15];
};
KHELP_API extern struct khelp_sleep_count khelp_sleep_counts[256];

/* Reached through a variable of each program and library: direct use of the name would move the
 * table into the program (a copy relocation), away from the library. */
__attribute__((weak, visibility("hidden"))) struct khelp_sleep_count* khelp_sleep_counts_at =
    khelp_sleep_counts;

/// Where a channel's count is: bytes from the table's start.
static inline uintptr_t khelp_sleep_hash(const void* chan) {
  return (((uintptr_t)chan * 0x61c88647u) >> 20) & (uintptr_t)(255 * 64);
}

/// khelp_wakeup() when somebody may be asleep. `all`: 0 is wakeup_one().
KHELP_API unsigned khelp_wake_sleepers(const void* chan, int all) KHELP_NOTHROW;

/// Wake all threads that sleep on a channel now; nobody: nothing happens, and nothing is
/// remembered. Returns how many.
///
/// Context  any thread, no signal handler. The sleepers' mutex need not be held; if what they wait
///          for was changed under it, no wakeup is lost.
/// Cost     nobody asleep: 6 instructions. Else a short lock, and a system call for each.
/// Source   Darwin wakeup(), which does not tell the number.
static inline unsigned khelp_wakeup(const void* chan) {
  const char* table = (const char*)khelp_sleep_counts_at;
  const uint32_t* sleepers = (const uint32_t*)(const void*)(table + khelp_sleep_hash(chan));
  if (KHELP_LIKELY(__atomic_load_n(sleepers, __ATOMIC_RELAXED) == 0))
    return 0;
  return khelp_wake_sleepers(chan, 1);
}

/// Wake the thread that has slept longest on a channel. One whose time is over or that a signal has
/// ended is not chosen. Returns 0 or 1. Otherwise as khelp_wakeup().
static inline unsigned khelp_wakeup_one(const void* chan) {
  const char* table = (const char*)khelp_sleep_counts_at;
  const uint32_t* sleepers = (const uint32_t*)(const void*)(table + khelp_sleep_hash(chan));
  if (KHELP_LIKELY(__atomic_load_n(sleepers, __ATOMIC_RELAXED) == 0))
    return 0;
  return khelp_wake_sleepers(chan, 0);
}

/// One sleeping thread. Strings live as long as the callback.
struct khelp_sleeper {
  uint32_t size;
  int32_t thread; /**< as gettid(2) */
  const void* chan;
  const char* wmesg; /**< at most 63 characters of it */
  int64_t slept_ns;
  int32_t priority; /**< the low eight bits of `pri` */
  uint32_t catches; /**< 1: PCATCH */
};
/// Call fn for each sleeping thread, with no lock held; those of one channel in the order in which
/// they will be woken. Errors: ENOMEM.
KHELP_API int khelp_sleep_list(void (*fn)(void* arg, const struct khelp_sleeper* sleeper),
                               void* arg);

/// How sleeps ended, since the process began. Of sleeps that were queued:
///
///   sleeps == asleep now + wakeups + timeouts + interrupted + cancelled
struct khelp_sleep_totals {
  uint32_t size; /**< set it to sizeof(struct khelp_sleep_totals) */
  uint32_t reserved;
  uint64_t sleeps;
  uint64_t wakeups;    /**< found by a wakeup, those below included */
  uint64_t signal_won; /**< of wakeups: a signal was reported instead */
  uint64_t passed_on;  /**< of wakeups: the thread was cancelled; a wakeup_one() went to the next */
  uint64_t timeouts;
  uint64_t interrupted; /**< by a signal, with no wakeup */
  uint64_t cancelled;   /**< with no wakeup */
};
/// Errors: EINVAL totals->size is not known.
KHELP_API int khelp_sleep_total(struct khelp_sleep_totals* totals) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
