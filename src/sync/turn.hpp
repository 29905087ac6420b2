// A turn at something that calls strangers' code: who has it may take it again, others wait. It is
// state, not a lock: nothing is locked while that code runs, and a fork need not wait for it.
#pragma once

#include <atomic>
#include <mutex>
#include <pthread.h>

#include "sync/event_count.hpp"
#include "sync/mutex.hpp"

namespace khelp {

class turn_state {
 public:
  void take() noexcept {
    if (try_take())
      return;
    wait_begins();
    for (;;) {
      const std::uint32_t ticket = changes_.ticket();
      if (try_take())
        break;
      changes_.wait(ticket, look_again_ns);
    }
    wait_ends();
  }
  // False: another thread has it.
  bool try_take() noexcept {
    lock_guard held(mutex_);
    if (depth_ != 0 && !is_mine())
      return false;
    owner_.store(pthread_self(), std::memory_order_relaxed);
    ++depth_;
    return true;
  }
  void give() noexcept {
    {
      lock_guard held(mutex_);
      if (--depth_ != 0)
        return;
      owner_.store(pthread_t{}, std::memory_order_relaxed);
      if (waiters_ == 0)
        return;
    }
    changes_.notify();
  }
  // Without the lock, which a fork holds: a thread that asks may hold what the fork waits for. Only the
  // thread itself makes the answer another one.
  bool is_mine() const noexcept {
    return pthread_equal(owner_.load(std::memory_order_relaxed), pthread_self());
  }

  void before_fork() noexcept KHELP_ACQUIRE(mutex_) { mutex_.lock(); }
  void after_fork_in_parent() noexcept KHELP_RELEASE(mutex_) { mutex_.unlock(); }
  // False: another thread had it, which is not there any more.
  bool after_fork_in_child() noexcept KHELP_RELEASE(mutex_) {
    const bool whole = depth_ == 0 || is_mine();
    if (!whole) {
      depth_ = 0;
      owner_.store(pthread_t{}, std::memory_order_relaxed);
    }
    waiters_ = 0;
    mutex_.unlock();
    return whole;
  }

 private:
  void wait_begins() noexcept {
    lock_guard held(mutex_);
    ++waiters_;
  }
  void wait_ends() noexcept {
    lock_guard held(mutex_);
    --waiters_;
  }

  static constexpr std::int64_t look_again_ns = 100'000'000;

  mutex mutex_;
  event_count changes_;
  std::atomic<pthread_t> owner_{};  // written under the mutex; none has the value pthread_t{}
  unsigned depth_ KHELP_GUARDED_BY(mutex_) = 0;
  unsigned waiters_ KHELP_GUARDED_BY(mutex_) = 0;  // threads in take(), beyond their first try
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
