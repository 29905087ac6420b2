// Sleep on a word until somebody changes it. Not a cancellation point; errno stays as it is, since a
// run of hooks may come here.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/kept_errno.hpp"

namespace khelp {

// Returns when the word no longer holds `seen`, on a wake, a signal, or after at most
// `nanoseconds`.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen,
                       std::int64_t nanoseconds) {
  const kept_errno as_it_was;
  timespec limit{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, seen, &limit,
          nullptr, 0);
}

// The same without a limit.
inline void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t seen) {
  const kept_errno as_it_was;
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT_PRIVATE, seen, nullptr,
          nullptr, 0);
}

// Wake so many. The word may be gone by now: then somebody else wakes for nothing.
inline void futex_wake(std::atomic<std::uint32_t>& word, int threads) {
  const kept_errno as_it_was;
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE_PRIVATE, threads, nullptr,
          nullptr, 0);
}

inline void futex_wake_all(std::atomic<std::uint32_t>& word) {
  futex_wake(word, INT_MAX);
}

inline void cpu_relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace khelp
