/// The clock that timeouts are counted in.
#ifndef KHELP_NETBSD_SYS_KERNEL_H
#define KHELP_NETBSD_SYS_KERNEL_H

#include <time.h>

/// Ticks per second, as on most machines that NetBSD runs on, and the microseconds of one.
static const int hz = 100;
static const int tick = 10000;

/// Ticks since the machine started. Wraps.
static inline int getticks(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int)(unsigned)((unsigned long long)now.tv_sec * 100 +
                         (unsigned long long)now.tv_nsec / 10000000);
}

#endif
