/// The C++ face of sleep.h: a queue of sleeping threads that waits with any lock.
#ifndef KHELP_SLEEP_HPP
#define KHELP_SLEEP_HPP

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>

#include <khelp/duration.hpp>
#include <khelp/error.h>
#include <khelp/sleep.h>

namespace khelp {

/// How a sleep ended.
enum class woken_by {
  wakeup,   ///< or nothing: test again
  timeout,  ///< the time is over
  signal,   ///< interruptible sleeps: a signal was handled
  restart,  ///< likewise, by a handler installed with SA_RESTART
};

/// What a sleep is like. `why` is shown by khelp_sleep_list().
struct sleep_options {
  const char* why = nullptr;
  bool interruptible = false;  ///< signals end the sleep
  int priority = 0;            ///< shown, and nothing else
};

/// Threads that wait for something, first come first served.
///
///   std::unique_lock held(mutex);
///   while (jobs.empty())
///     queue.sleep(held);
///
/// Lifetime  it has no state: its address is the channel. Nobody sleeps on it when it ends.
class sleep_queue {
 public:
  sleep_queue() = default;
  sleep_queue(const sleep_queue&) = delete;
  sleep_queue& operator=(const sleep_queue&) = delete;

  /// Sleep without `lock` until woken. Lock: anything with lock() and unlock(), held. A wakeup
  /// whose caller changes the condition under the same lock is not lost. A cancellation point.
  template <class Lock>
  woken_by sleep(Lock& lock, sleep_options options = {}) {
    return sleep_at_most(lock, nullptr, options);
  }
  /// The same, but no longer than so much: at least a nanosecond; for ever, if it is centuries.
  template <class Lock, class Rep, class Period>
  woken_by sleep_for(Lock& lock, std::chrono::duration<Rep, Period> time,
                     sleep_options options = {}) {
    const std::int64_t ns = std::max<std::int64_t>(saturated_ns(time), 1);
    const timespec limit{static_cast<std::time_t>(ns / 1'000'000'000),
                         static_cast<long>(ns % 1'000'000'000)};
    return sleep_at_most(lock, &limit, options);
  }
  /// Sleep until `done` says so; it is asked with the lock held.
  template <class Lock, class Predicate>
  void sleep_until(Lock& lock, Predicate done, sleep_options options = {}) {
    while (!done())
      sleep(lock, options);
  }

  /// Wake all that sleep here now, or the one that has slept longest. Return how many there were.
  unsigned wake_all() noexcept { return khelp_wakeup(this); }
  unsigned wake_one() noexcept { return khelp_wakeup_one(this); }

 private:
  template <class Lock>
  woken_by sleep_at_most(Lock& lock, const timespec* limit, sleep_options options) {
    const khelp_interlock interlock = {[](void* l) { static_cast<Lock*>(l)->unlock(); },
                                       [](void* l) { static_cast<Lock*>(l)->lock(); }, &lock};
    const int pri =
        (options.priority & KHELP_SLEEP_PRIMASK) | (options.interruptible ? KHELP_SLEEP_PCATCH : 0);
    switch (khelp_sleep(this, &interlock, pri, options.why, limit)) {
      case EWOULDBLOCK:
        return woken_by::timeout;
      case EINTR:
        return woken_by::signal;
      case KHELP_ERESTART:
        return woken_by::restart;
      default:
        return woken_by::wakeup;
    }
  }

  [[maybe_unused]] char channel_ = 0;  // so that the address is no other object's
};

}  // namespace khelp

#endif
