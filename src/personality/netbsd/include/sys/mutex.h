/// mutex(9): kmutex_t over khelp_mutex (khelp/sleep.h). Misuse (a thread that locks twice, or unlocks
/// what it does not hold) panics, with or without DIAGNOSTIC.
#ifndef KHELP_NETBSD_SYS_MUTEX_H
#define KHELP_NETBSD_SYS_MUTEX_H

#include <stdbool.h>
#include <string.h>
#include <sys/intr.h>
#include <sys/kassert.h>

#include <khelp/sleep.h>

typedef enum {
  MUTEX_SPIN,
  MUTEX_ADAPTIVE,
  MUTEX_DEFAULT,
  MUTEX_DRIVER,
  MUTEX_NODEBUG
} kmutex_type_t;

typedef struct kmutex {
  struct khelp_mutex mtx_lock;
} kmutex_t;

/// All types sleep, and all levels are one.
static inline void mutex_init(kmutex_t* mtx, kmutex_type_t type, int ipl) {
  (void)type;
  (void)ipl;
  memset(mtx, 0, sizeof *mtx);
}

static inline void mutex_destroy(kmutex_t* mtx) {
  if (mtx->mtx_lock.khm_word != 0)
    panic("mutex_destroy: the mutex is held");
}

static inline void mutex_enter(kmutex_t* mtx) {
  if (khelp_mutex_lock(&mtx->mtx_lock) != 0)
    panic("mutex_enter: locking against myself");
}

/// Non-zero: it is held now.
static inline int mutex_tryenter(kmutex_t* mtx) {
  return khelp_mutex_try_lock(&mtx->mtx_lock) == 0;
}

static inline void mutex_exit(kmutex_t* mtx) {
  if (khelp_mutex_unlock(&mtx->mtx_lock) != 0)
    panic("mutex_exit: not the owner");
}

static inline void mutex_spin_enter(kmutex_t* mtx) {
  mutex_enter(mtx);
}
static inline void mutex_spin_exit(kmutex_t* mtx) {
  mutex_exit(mtx);
}

/// Does this thread hold it? For assertions. It only looks.
static inline int mutex_owned(const kmutex_t* mtx) {
  return khelp_mutex_held(&mtx->mtx_lock);
}

#endif
