// The asymmetric barrier: readers pay a compiler barrier, writers make every thread of the process
// pass a full one.
//
// Pairing, used twice: a reader stores "I am inside" then loads what is published; a writer
// publishes, calls heavy_barrier(), then loads who is inside. One of them sees the other. Likewise
// a leaver stores "I am out" then loads whether somebody wants to be woken; a waiter stores that,
// calls heavy_barrier(), then looks again.
#pragma once

#include <atomic>

namespace khelp {

// How this process orders readers against writers. Decided once, before the first thread is
// enrolled.
enum class barrier_mode {
  membarrier,  // readers: compiler barrier
  fences,      // membarrier(2) is not to be had: readers fence
};

// Decide (first call) and return the mode. Cheap while the process has one thread.
barrier_mode decide_barrier_mode() noexcept;

// False: membarrier(2) worked once and is refused now (a seccomp filter came in between). Nothing
// may then be concluded about other threads.
[[nodiscard]] bool heavy_barrier() noexcept;

// In the child of a fork: register again.
void barrier_after_fork() noexcept;

// The reader's half under barrier_mode::membarrier.
inline void light_barrier() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

// A full barrier of this thread alone, for rare paths that pair with one of the same kind.
inline void full_barrier() noexcept {
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace khelp
