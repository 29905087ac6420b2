/// condvar(9): sleeping with a kmutex_t, over khelp_msleep() (khelp/sleep.h). A mutex that the thread
/// does not hold is a panic, with or without DIAGNOSTIC.
#ifndef KHELP_NETBSD_SYS_CONDVAR_H
#define KHELP_NETBSD_SYS_CONDVAR_H

#include <sys/errno.h>
#include <sys/kernel.h>
#include <sys/mutex.h>
#include <time.h>

#include <khelp/sleep.h>

typedef struct kcondvar {
  const char* cv_wmesg;
} kcondvar_t;

/// The name is the reason that khelp_sleep_list() shows for threads that wait.
static inline void cv_init(kcondvar_t* cv, const char* wmesg) {
  cv->cv_wmesg = wmesg;
}

/// Nobody waits.
static inline void cv_destroy(kcondvar_t* cv) {
  (void)cv;
}

/// ticks: 0 is for ever.
static inline int khelp_netbsd_cv_sleep(kcondvar_t* cv, kmutex_t* mtx, int ticks, int pri) {
  struct timespec limit;
  int answer;
  limit.tv_sec = ticks > 0 ? ticks / hz : 0;
  limit.tv_nsec = ticks > 0 ? ticks % hz * (1000000000L / hz) : 1;
  answer = khelp_msleep(cv, &mtx->mtx_lock, pri, cv->cv_wmesg, ticks == 0 ? NULL : &limit);
  if (answer == EPERM)
    panic("cv_wait: %s: the mutex is not held", cv->cv_wmesg);
  return answer;
}

/// Return, perhaps for no reason, with the mutex held: test again.
static inline void cv_wait(kcondvar_t* cv, kmutex_t* mtx) {
  (void)khelp_netbsd_cv_sleep(cv, mtx, 0, 0);
}
/// EINTR or ERESTART: a signal was handled, as its handler was installed.
static inline int cv_wait_sig(kcondvar_t* cv, kmutex_t* mtx) {
  return khelp_netbsd_cv_sleep(cv, mtx, 0, KHELP_SLEEP_PCATCH);
}
/// EWOULDBLOCK: the time is over. 0 ticks are for ever.
static inline int cv_timedwait(kcondvar_t* cv, kmutex_t* mtx, int ticks) {
  return khelp_netbsd_cv_sleep(cv, mtx, ticks, 0);
}
static inline int cv_timedwait_sig(kcondvar_t* cv, kmutex_t* mtx, int ticks) {
  return khelp_netbsd_cv_sleep(cv, mtx, ticks, KHELP_SLEEP_PCATCH);
}

/// Wake the thread that has waited longest, or all of them.
static inline void cv_signal(kcondvar_t* cv) {
  (void)khelp_wakeup_one(cv);
}
static inline void cv_broadcast(kcondvar_t* cv) {
  (void)khelp_wakeup(cv);
}

#endif
