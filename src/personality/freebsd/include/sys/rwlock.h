/// rwlock(9): any number of readers, or one writer, over the mutexes of khelp/sleep.h. Misuse that the
/// lock can see (a writer that locks again, an unlock without a lock) panics, with or without
/// INVARIANTS.
///
/// Threads sleep while they wait, and signals and cancellations do not end that. A writer that
/// waits is not overtaken by later readers; so a reader must not lock again.
#ifndef KHELP_FREEBSD_SYS_RWLOCK_H
#define KHELP_FREEBSD_SYS_RWLOCK_H

#include <pthread.h>
#include <string.h>
#include <sys/kernel.h>
#include <sys/lock.h>

#include <khelp/sleep.h>

/* Starts zeroed. */
struct rwlock {
  struct lock_object lock_object;
  struct khelp_mutex rw_writer; /**< held by the writer, or by one on its way in */
  struct khelp_mutex rw_guard;  /**< of rw_readers, which the writer sleeps on */
  unsigned rw_readers;
};

#define RW_DUPOK 0x01
#define RW_NOPROFILE 0x02
#define RW_NOWITNESS 0x04
#define RW_QUIET 0x08
#define RW_RECURSE 0x10 /**< not provided: a panic */
#define RW_NEW 0x20

#define RA_UNLOCKED LA_UNLOCKED
#define RA_LOCKED LA_LOCKED
#define RA_RLOCKED LA_SLOCKED
#define RA_WLOCKED LA_XLOCKED

static inline void rw_init_flags(struct rwlock* rw, const char* name, int flags) {
  if (flags & RW_RECURSE)
    panic("rw_init_flags: %s: recursive locks are not provided", name);
  memset(rw, 0, sizeof *rw);
  rw->lock_object.lo_name = name;
}
static inline void rw_init(struct rwlock* rw, const char* name) {
  rw_init_flags(rw, name, 0);
}

/// Does this thread hold it for writing?
static inline int rw_wowned(const struct rwlock* rw) {
  return khelp_mutex_held(&rw->rw_writer);
}

static inline void rw_destroy(struct rwlock* rw) {
  if (rw->rw_writer.khm_word != 0 || rw->rw_readers != 0)
    panic("rw_destroy: %s is held", rw->lock_object.lo_name);
}

static inline void rw_wlock(struct rwlock* rw) {
  int before;
  if (khelp_mutex_lock(&rw->rw_writer) != 0)
    panic("rw_wlock: %s: this thread holds it", rw->lock_object.lo_name);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  khelp_mutex_lock(&rw->rw_guard);
  while (rw->rw_readers != 0)
    khelp_msleep(&rw->rw_readers, &rw->rw_guard, 0, rw->lock_object.lo_name, NULL);
  khelp_mutex_unlock(&rw->rw_guard);
  pthread_setcancelstate(before, NULL);
}
static inline void rw_wunlock(struct rwlock* rw) {
  if (khelp_mutex_unlock(&rw->rw_writer) != 0)
    panic("rw_wunlock: %s: this thread does not hold it", rw->lock_object.lo_name);
}
/// 0: somebody holds it.
static inline int rw_try_wlock(struct rwlock* rw) {
  int is_free;
  if (khelp_mutex_try_lock(&rw->rw_writer) != 0)
    return 0;
  khelp_mutex_lock(&rw->rw_guard);
  is_free = rw->rw_readers == 0;
  khelp_mutex_unlock(&rw->rw_guard);
  if (!is_free)
    rw_wunlock(rw);
  return is_free;
}

static inline void khelp_rw_add_reader(struct rwlock* rw) {
  khelp_mutex_lock(&rw->rw_guard);
  rw->rw_readers++;
  khelp_mutex_unlock(&rw->rw_guard);
}
static inline void rw_rlock(struct rwlock* rw) {
  if (khelp_mutex_lock(&rw->rw_writer) != 0)
    panic("rw_rlock: %s: this thread holds it for writing", rw->lock_object.lo_name);
  khelp_rw_add_reader(rw);
  rw_wunlock(rw);
}
/// 0: a writer holds it or waits for it.
static inline int rw_try_rlock(struct rwlock* rw) {
  if (khelp_mutex_try_lock(&rw->rw_writer) != 0)
    return 0;
  khelp_rw_add_reader(rw);
  rw_wunlock(rw);
  return 1;
}
static inline void rw_runlock(struct rwlock* rw) {
  unsigned readers;
  khelp_mutex_lock(&rw->rw_guard);
  readers = rw->rw_readers--;
  khelp_mutex_unlock(&rw->rw_guard);
  if (readers == 0)
    panic("rw_runlock: %s: nobody reads", rw->lock_object.lo_name);
  if (readers == 1)
    (void)khelp_wakeup(&rw->rw_readers);
}

static inline void rw_unlock(struct rwlock* rw) {
  if (rw_wowned(rw))
    rw_wunlock(rw);
  else
    rw_runlock(rw);
}
/// The writer becomes a reader.
static inline void rw_downgrade(struct rwlock* rw) {
  khelp_rw_add_reader(rw);
  rw_wunlock(rw);
}

/// Panics when it is not so. Of readers only the number is known, not which threads they are.
static inline void khelp_rw_assert(struct rwlock* rw, int what) {
  const int writes = rw_wowned(rw);
  const int reads = !writes && rw->rw_readers != 0;
  const int holds = what == RA_UNLOCKED  ? !writes
                    : what == RA_RLOCKED ? reads
                    : what == RA_WLOCKED ? writes
                                         : writes || reads;
  if (!holds)
    panic("rw_assert: %s is not as it should be", rw->lock_object.lo_name);
}
#ifdef INVARIANTS
#define rw_assert(rw, what) khelp_rw_assert(rw, what)
#else
#define rw_assert(rw, what) ((void)0)
#endif

struct rw_args {
  struct rwlock* ra_rw;
  const char* ra_desc;
};
static inline void rw_sysinit(void* arg) {
  const struct rw_args* args = (const struct rw_args*)arg;
  rw_init(args->ra_rw, args->ra_desc);
}
static inline void khelp_rw_sysuninit(void* arg) {
  rw_destroy((struct rwlock*)arg);
}

/// Make a lock when the file starts.
#define RW_SYSINIT(name, rw, words)                                           \
  static struct rw_args name##_args = {(rw), (words)};                        \
  SYSINIT(name##_rw, SI_SUB_LOCK, SI_ORDER_MIDDLE, rw_sysinit, &name##_args); \
  SYSUNINIT(name##_rw, SI_SUB_LOCK, SI_ORDER_MIDDLE, khelp_rw_sysuninit, (rw))

#endif
