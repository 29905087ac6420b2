// A turn at something that calls strangers' code: who has it may take it again, others wait. It is
// state, not a lock: nothing is locked while that code runs, and a fork need not wait for it.
#pragma once

#include <mutex>
#include <pthread.h>

#include "sync/event_count.hpp"
#include "sync/mutex.hpp"

namespace khelp {

class turn_state {
 public:
  void take() noexcept {
    for (;;) {
      const std::uint32_t ticket = changes_.ticket();
      if (try_take())
        return;
      changes_.wait(ticket, look_again_ns);
    }
  }
  // False: another thread has it.
  bool try_take() noexcept {
    lock_guard held(mutex_);
    if (depth_ != 0 && !pthread_equal(owner_, pthread_self()))
      return false;
    owner_ = pthread_self();
    ++depth_;
    return true;
  }
  void give() noexcept {
    {
      lock_guard held(mutex_);
      if (--depth_ != 0)
        return;
    }
    changes_.notify();
  }
  bool is_mine() noexcept {
    lock_guard held(mutex_);
    return depth_ != 0 && pthread_equal(owner_, pthread_self());
  }

  void before_fork() noexcept KHELP_ACQUIRE(mutex_) { mutex_.lock(); }
  void after_fork_in_parent() noexcept KHELP_RELEASE(mutex_) { mutex_.unlock(); }
  // False: another thread had it, which is not there any more.
  bool after_fork_in_child() noexcept KHELP_RELEASE(mutex_) {
    const bool whole = depth_ == 0 || pthread_equal(owner_, pthread_self());
    if (!whole)
      depth_ = 0;
    mutex_.unlock();
    return whole;
  }

 private:
  static constexpr std::int64_t look_again_ns = 100'000'000;

  mutex mutex_;
  event_count changes_;
  pthread_t owner_ KHELP_GUARDED_BY(mutex_) = {};
  unsigned depth_ KHELP_GUARDED_BY(mutex_) = 0;
};

class turn {
 public:
  explicit turn(turn_state& state) noexcept : state_(state) { state_.take(); }
  turn(turn_state& state, std::adopt_lock_t) noexcept : state_(state) {}
  turn(const turn&) = delete;
  turn& operator=(const turn&) = delete;
  ~turn() { state_.give(); }

 private:
  turn_state& state_;
};

}  // namespace khelp
