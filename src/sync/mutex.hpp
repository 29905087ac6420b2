// A mutex the compiler can follow, its guard, and a condition that waits on it.
#pragma once

#include <condition_variable>
#include <mutex>

#include "sync/annotations.hpp"

namespace khelp {

class KHELP_CAPABILITY("mutex") mutex {
 public:
  constexpr mutex() = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  void lock() KHELP_ACQUIRE() { native_.lock(); }
  void unlock() KHELP_RELEASE() { native_.unlock(); }
  bool try_lock() KHELP_TRY_ACQUIRE(true) { return native_.try_lock(); }

  std::mutex& native() { return native_; }

 private:
  std::mutex native_;
};

class KHELP_SCOPED_CAPABILITY lock_guard {
 public:
  explicit lock_guard(mutex& m) KHELP_ACQUIRE(m) : mutex_(m) { mutex_.lock(); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;
  ~lock_guard() KHELP_RELEASE() { mutex_.unlock(); }

 private:
  mutex& mutex_;
};

// Waits are cancellation-proof only in that nothing of ours is held but the mutex itself; callers
// keep the state they wait for consistent across a throw.
class condition {
 public:
  void wait(mutex& m) KHELP_REQUIRES(m) {
    std::unique_lock<std::mutex> held(m.native(), std::adopt_lock);
    native_.wait(held);
    held.release();
  }
  // False: the deadline passed.
  template <class Clock, class Duration>
  bool wait_until(mutex& m, const std::chrono::time_point<Clock, Duration>& deadline)
      KHELP_REQUIRES(m) {
    std::unique_lock<std::mutex> held(m.native(), std::adopt_lock);
    const bool in_time = native_.wait_until(held, deadline) == std::cv_status::no_timeout;
    held.release();
    return in_time;
  }
  void notify_one() { native_.notify_one(); }
  void notify_all() { native_.notify_all(); }

 private:
  std::condition_variable native_;
};

}  // namespace khelp
