// Waits that a cancellation of the thread ends, by unwinding.
//
// Under ThreadSanitizer they go by names of the C library that it does not intercept: after unwinding
// out of an interceptor it no longer sees what the thread does.
#pragma once

#include <cstdint>
#include <ctime>
#include <poll.h>
#include <semaphore.h>

#include "sync/under_tsan.hpp"

#if KHELP_UNDER_TSAN
extern "C" int __ppoll_chk(pollfd*, nfds_t, const timespec*, const sigset_t*, std::size_t);
#endif

namespace khelp {

// As sem_wait(3); the deadline is on CLOCK_MONOTONIC, nullptr: none.
inline int cancellable_sem_wait(sem_t& semaphore, const timespec* deadline) {
  if (deadline != nullptr)
    return sem_clockwait(&semaphore, CLOCK_MONOTONIC, deadline);
#if KHELP_UNDER_TSAN
  const timespec centuries{INT64_MAX / 2'000'000'000, 0};
  return sem_clockwait(&semaphore, CLOCK_MONOTONIC, &centuries);
#else
  return sem_wait(&semaphore);
#endif
}

// As ppoll(2) with the thread's own mask.
inline int cancellable_poll(pollfd* files, nfds_t count, const timespec* limit) {
#if KHELP_UNDER_TSAN
  return __ppoll_chk(files, count, limit, nullptr, count * sizeof *files);
#else
  return ppoll(files, count, limit, nullptr);
#endif
}

}  // namespace khelp
