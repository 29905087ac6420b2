/// mutex(9): kmutex_t over the C library's mutex. Misuse (a thread that locks twice, or unlocks what
/// it does not hold) panics, with or without DIAGNOSTIC.
#ifndef KHELP_NETBSD_SYS_MUTEX_H
#define KHELP_NETBSD_SYS_MUTEX_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/intr.h>
#include <sys/kassert.h>
#include <time.h>

typedef enum {
  MUTEX_SPIN,
  MUTEX_ADAPTIVE,
  MUTEX_DEFAULT,
  MUTEX_DRIVER,
  MUTEX_NODEBUG
} kmutex_type_t;

typedef struct kmutex {
  pthread_mutex_t mtx_lock;
} kmutex_t;

/// All types sleep, and all levels are one.
static inline void mutex_init(kmutex_t* mtx, kmutex_type_t type, int ipl) {
  pthread_mutexattr_t checked;
  (void)type;
  (void)ipl;
  pthread_mutexattr_init(&checked);
  pthread_mutexattr_settype(&checked, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&mtx->mtx_lock, &checked);
  pthread_mutexattr_destroy(&checked);
}

static inline void mutex_destroy(kmutex_t* mtx) {
  if (pthread_mutex_destroy(&mtx->mtx_lock) != 0)
    panic("mutex_destroy: the mutex is held");
}

static inline void mutex_enter(kmutex_t* mtx) {
  if (pthread_mutex_lock(&mtx->mtx_lock) != 0)
    panic("mutex_enter: locking against myself");
}

/// Non-zero: it is held now.
static inline int mutex_tryenter(kmutex_t* mtx) {
  return pthread_mutex_trylock(&mtx->mtx_lock) == 0;
}

static inline void mutex_exit(kmutex_t* mtx) {
  if (pthread_mutex_unlock(&mtx->mtx_lock) != 0)
    panic("mutex_exit: not the owner");
}

static inline void mutex_spin_enter(kmutex_t* mtx) {
  mutex_enter(mtx);
}
static inline void mutex_spin_exit(kmutex_t* mtx) {
  mutex_exit(mtx);
}

/// Does this thread hold it? For assertions.
static inline int mutex_owned(kmutex_t* mtx) {
  const struct timespec long_ago = {0, 0};
  const int error = pthread_mutex_timedlock(&mtx->mtx_lock, &long_ago);
  if (error == 0)
    pthread_mutex_unlock(&mtx->mtx_lock);
  return error == EDEADLK;
}

#endif
