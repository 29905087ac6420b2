/// Mutexes, their groups and attributes, and sleeping with a mutex.
///
/// Groups and attributes are for the kernel's statistics and debugging: here a group keeps its name,
/// and attributes keep nothing.
#ifndef KHELP_DARWIN_KERN_LOCKS_H
#define KHELP_DARWIN_KERN_LOCKS_H

#include <kern/debug.h>
#include <mach/boolean.h>
#include <string.h>
#include <sys/errno.h>
#include <sys/malloc.h>

#include <khelp/sleep.h>

typedef struct khelp_mutex lck_mtx_t;
typedef struct lck_grp {
  char name[64];
} lck_grp_t;
typedef struct lck_grp_attr {
  unsigned reserved;
} lck_grp_attr_t;
typedef struct lck_attr {
  unsigned reserved;
} lck_attr_t;

#define LCK_GRP_NULL ((lck_grp_t*)0)
#define LCK_GRP_ATTR_NULL ((lck_grp_attr_t*)0)
#define LCK_ATTR_NULL ((lck_attr_t*)0)

#define LCK_MTX_ASSERT_OWNED 0x01
#define LCK_MTX_ASSERT_NOTOWNED 0x02
#define LCK_ASSERT_OWNED 1
#define LCK_ASSERT_NOTOWNED 2

/* Groups and attributes. */

static inline lck_grp_attr_t* lck_grp_attr_alloc_init(void) {
  return (lck_grp_attr_t*)_MALLOC(sizeof(lck_grp_attr_t), M_TEMP, M_ZERO);
}
static inline void lck_grp_attr_setdefault(lck_grp_attr_t* attributes) {
  (void)attributes;
}
static inline void lck_grp_attr_setstat(lck_grp_attr_t* attributes) {
  (void)attributes;
}
static inline void lck_grp_attr_free(lck_grp_attr_t* attributes) {
  _FREE(attributes, M_TEMP);
}

/// The name is cut to 63 characters; NULL is "".
static inline lck_grp_t* lck_grp_alloc_init(const char* name, lck_grp_attr_t* attributes) {
  lck_grp_t* group = (lck_grp_t*)_MALLOC(sizeof(lck_grp_t), M_TEMP, M_ZERO);
  (void)attributes;
  for (size_t i = 0; name != NULL && i + 1 < sizeof group->name && name[i] != '\0'; i++)
    group->name[i] = name[i];
  return group;
}
static inline void lck_grp_free(lck_grp_t* group) {
  _FREE(group, M_TEMP);
}

static inline lck_attr_t* lck_attr_alloc_init(void) {
  return (lck_attr_t*)_MALLOC(sizeof(lck_attr_t), M_TEMP, M_ZERO);
}
static inline void lck_attr_setdefault(lck_attr_t* attributes) {
  (void)attributes;
}
static inline void lck_attr_setdebug(lck_attr_t* attributes) {
  (void)attributes;
}
static inline void lck_attr_cleardebug(lck_attr_t* attributes) {
  (void)attributes;
}
static inline void lck_attr_free(lck_attr_t* attributes) {
  _FREE(attributes, M_TEMP);
}

/* Mutexes. What the kernel panics at, is one here. */

static inline void lck_mtx_init(lck_mtx_t* mutex, lck_grp_t* group, lck_attr_t* attributes) {
  (void)group, (void)attributes;
  memset(mutex, 0, sizeof *mutex);
}
static inline void lck_mtx_destroy(lck_mtx_t* mutex, lck_grp_t* group) {
  (void)group;
  if (mutex->khm_word != 0)
    panic("lck_mtx_destroy: %p is held", (void*)mutex);
}
static inline lck_mtx_t* lck_mtx_alloc_init(lck_grp_t* group, lck_attr_t* attributes) {
  lck_mtx_t* mutex = (lck_mtx_t*)_MALLOC(sizeof(lck_mtx_t), M_TEMP, M_WAITOK);
  lck_mtx_init(mutex, group, attributes);
  return mutex;
}
static inline void lck_mtx_free(lck_mtx_t* mutex, lck_grp_t* group) {
  lck_mtx_destroy(mutex, group);
  _FREE(mutex, M_TEMP);
}

static inline void lck_mtx_lock(lck_mtx_t* mutex) {
  if (khelp_mutex_lock(mutex) != 0)
    panic("lck_mtx_lock: this thread holds %p already", (void*)mutex);
}
static inline void lck_mtx_unlock(lck_mtx_t* mutex) {
  if (khelp_mutex_unlock(mutex) != 0)
    panic("lck_mtx_unlock: this thread does not hold %p", (void*)mutex);
}
static inline boolean_t lck_mtx_try_lock(lck_mtx_t* mutex) {
  return khelp_mutex_try_lock(mutex) == 0 ? TRUE : FALSE;
}
/* Spinning for good is nothing for a process: these lock. */
static inline void lck_mtx_lock_spin(lck_mtx_t* mutex) {
  lck_mtx_lock(mutex);
}
static inline boolean_t lck_mtx_try_lock_spin(lck_mtx_t* mutex) {
  return lck_mtx_try_lock(mutex);
}
static inline void lck_mtx_convert_spin(lck_mtx_t* mutex) {
  (void)mutex;
}

static inline void lck_mtx_assert(lck_mtx_t* mutex, unsigned what) {
  if (khelp_mutex_held(mutex) != (what == LCK_MTX_ASSERT_OWNED))
    panic("lck_mtx_assert: this thread %s %p",
          what == LCK_MTX_ASSERT_OWNED ? "does not hold" : "holds", (void*)mutex);
}

/* Sleeping, in Mach's words. */

typedef void* event_t;
typedef int wait_interrupt_t;
#define THREAD_UNINT 0
#define THREAD_INTERRUPTIBLE 1
#define THREAD_ABORTSAFE 2

typedef int wait_result_t;
#define THREAD_AWAKENED 0
#define THREAD_TIMED_OUT 1
#define THREAD_INTERRUPTED 2

typedef unsigned lck_sleep_action_t;
#define LCK_SLEEP_DEFAULT 0x00
#define LCK_SLEEP_UNLOCK 0x01 /**< do not lock again */
#define LCK_SLEEP_SPIN 0x04

/// Sleep on an event until thread_wakeup() or wakeup() of it.
static inline wait_result_t lck_mtx_sleep(lck_mtx_t* mutex, lck_sleep_action_t action,
                                          event_t event, wait_interrupt_t interruptible) {
  const int pri = ((action & LCK_SLEEP_UNLOCK) ? KHELP_SLEEP_PDROP : 0) |
                  (interruptible != THREAD_UNINT ? KHELP_SLEEP_PCATCH : 0);
  const int answer = khelp_msleep(event, mutex, pri, "lck_mtx_sleep", NULL);
  if (answer == EPERM)
    panic("lck_mtx_sleep: this thread does not hold %p", (void*)mutex);
  return answer == 0 ? THREAD_AWAKENED : THREAD_INTERRUPTED;
}

#define thread_wakeup(event) ((void)khelp_wakeup(event))
#define thread_wakeup_one(event) ((void)khelp_wakeup_one(event))

#endif
