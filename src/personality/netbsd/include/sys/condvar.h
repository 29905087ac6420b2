/// condvar(9): what goes with a kmutex_t.
#ifndef KHELP_NETBSD_SYS_CONDVAR_H
#define KHELP_NETBSD_SYS_CONDVAR_H

#include <sys/mutex.h>

typedef struct kcondvar {
  pthread_cond_t cv_waiters;
} kcondvar_t;

/// The name is nobody's to see here.
static inline void cv_init(kcondvar_t* cv, const char* wmesg) {
  (void)wmesg;
  pthread_cond_init(&cv->cv_waiters, NULL);
}

static inline void cv_destroy(kcondvar_t* cv) {
  pthread_cond_destroy(&cv->cv_waiters);
}

static inline void cv_wait(kcondvar_t* cv, kmutex_t* mtx) {
  pthread_cond_wait(&cv->cv_waiters, &mtx->mtx_lock);
}

static inline void cv_signal(kcondvar_t* cv) {
  pthread_cond_signal(&cv->cv_waiters);
}

static inline void cv_broadcast(kcondvar_t* cv) {
  pthread_cond_broadcast(&cv->cv_waiters);
}

#endif
