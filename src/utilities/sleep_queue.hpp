// Who sleeps, on what: hashed queues, first come first served.
//
// A sleeper stands in the queue of its channel's hash from before its mutex is released until a
// waker, or it itself, takes it out. A waker that took it out lets it go once the queue's lock is
// dropped, and does not touch it afterwards; so a sleeper that finds itself taken out waits for that
// before its stack frame ends.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include <khelp/sleep.h>

#include "base/unique_fd.hpp"
#include "sync/futex_lock.hpp"
#include "sync/parking.hpp"

namespace khelp {

// Constant while it is queued, but for what the queue's lock guards.
struct sleeper {
  sleeper(const void* on, int pri, const char* wmesg) noexcept;

  const void* const channel;
  const char* const message;
  const int flags;
  const pthread_t thread;
  pid_t number;  // of the thread; a fork changes it
  const std::int64_t since = monotonic_ns();
  unique_fd event;    // for a sleep in poll(2): written to before it is let go
  unique_fd signals;  // likewise: its signals
  parking place;

  sleeper* next = nullptr;    // queue's lock; then the waker's
  sleeper* before = nullptr;  // queue's lock
  bool queued = false;        // queue's lock
  bool alone = false;         // taken out by a wakeup_one(); to be read once it is let go
};

// How a sleep ended that its own thread took out of the queue.
enum class ending { timeout, interrupted, cancelled };

class alignas(64) channel_queue {
 public:
  // Put it last.
  void add(sleeper& s) noexcept;
  // Take it out. False: a waker has, and has let it go; `how` is what became of the wakeup.
  bool remove(sleeper& s, ending how) noexcept;
  // Take out those that sleep on the channel, or the first of them, and let them go. Returns how
  // many.
  unsigned wake(const void* channel, bool all) noexcept;

  template <class Fn>
  void for_each(Fn fn) {
    futex_guard held(lock_);
    for (const sleeper* s = first_; s != nullptr; s = s->next)
      fn(*s);
  }
  void add_to(khelp_sleep_totals& totals) noexcept;

  // Around a fork.
  void fork_prepare() noexcept KHELP_ACQUIRE(lock_) { lock_.lock(); }
  void fork_parent() noexcept KHELP_RELEASE(lock_) { lock_.unlock(); }
  // Only this thread is there: the others' places are on stacks that nobody uses.
  void fork_child() noexcept KHELP_RELEASE(lock_);

 private:
  void unlink(sleeper& s) noexcept KHELP_REQUIRES(lock_);
  void count_sleepers(int change) noexcept KHELP_REQUIRES(lock_);

  futex_lock lock_;
  sleeper* first_ KHELP_GUARDED_BY(lock_) = nullptr;
  sleeper* last_ KHELP_GUARDED_BY(lock_) = nullptr;
  khelp_sleep_totals totals_ KHELP_GUARDED_BY(lock_) = {};
};

inline constexpr unsigned channel_queues = 256;

channel_queue& queue_of(const void* channel) noexcept;
channel_queue& queue_at(unsigned index) noexcept;

}  // namespace khelp
