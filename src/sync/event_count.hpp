// Wait until something changed, without a lock on the side that changes it.
//
//   waiter: t = ticket(); look; if not yet: wait(t, limit); again.     other side: change;
//   notify().
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/futex.hpp"

namespace khelp {

class event_count {
 public:
  std::uint32_t ticket() const noexcept { return word_.load(std::memory_order_acquire); }
  void wait(std::uint32_t ticket, std::int64_t nanoseconds) noexcept {
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    futex_wait(word_, ticket, nanoseconds);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void notify() noexcept {
    word_.fetch_add(1, std::memory_order_release);
    futex_wake_all(word_);
  }
  // Cheap when nobody waits. May miss somebody who is just beginning to: for those who look again
  // after a while by themselves.
  void notify_those_asleep() noexcept {
    if (waiting_.load(std::memory_order_relaxed) != 0)
      notify();
  }

 private:
  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> waiting_{0};
};

}  // namespace khelp
