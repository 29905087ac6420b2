// Where one thread waits, once, until another lets it go.
//
// The waiter may look for a while before it sleeps; who lets it go then need not call the kernel.
// It sleeps on a semaphore, because that is a cancellation point: leaving a cancellable system call
// of one's own races with a cancellation that is under way (glibc waits for those in its own).
//
// The place lies on the waiter's stack. Who lets it go does not touch it afterwards, and the waiter
// that might be let go does not leave before wait() has returned.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <semaphore.h>

namespace khelp {

class parking {
 public:
  parking() noexcept { sem_init(&gate_, 0, 0); }
  parking(const parking&) = delete;
  parking& operator=(const parking&) = delete;

  // Everything done before it is seen by the waiter.
  void let_go() noexcept;
  bool is_let_go() const noexcept { return word_.load(std::memory_order_acquire) == gone; }

  // Look for a while, if this thread's last waits say that it pays: the last one was short, and
  // ended by a thread on another CPU.
  void look() noexcept;
  // Sleep until let go, until the deadline (CLOCK_MONOTONIC; nullptr: none), or for no reason.
  // False: the deadline has passed. A cancellation point.
  bool sleep(const timespec* deadline);
  // Wait for somebody who lets go, or has. Not a cancellation point.
  void wait() noexcept;

  // The place was let go after so long: the thread's next look() is to know.
  void remember(std::int64_t nanoseconds) noexcept;

 private:
  static constexpr std::uint32_t looking = 0;
  static constexpr std::uint32_t asleep = 1;
  static constexpr std::uint32_t gone = 2;

  // Announce a sleep, once. False: let go before.
  bool lie_down() noexcept;

  std::atomic<std::uint32_t> word_{looking};
  sem_t gate_;           // posted once, if let go while `asleep`
  bool lies_ = false;    // the waiter's: it was announced
  bool passed_ = false;  // the waiter's: it has taken the post
  int released_on_ = 0;  // the CPU of let_go(); to be read once it is let go
};

// CLOCK_MONOTONIC, whatever khelp_clock_set() says.
std::int64_t monotonic_ns() noexcept;

}  // namespace khelp
