// Wait until something changed, without a lock on the side that changes it.
//
//   waiter: t = ticket(); look; if not yet: wait(t, limit); again.     other side: change;
//   notify().
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/barrier.hpp"
#include "sync/futex.hpp"

namespace khelp {

// How long a waiter sleeps at most before it looks again, where a notification may be missed (see
// event_count::watch) or where nobody notifies.
inline constexpr std::int64_t look_again_ns = 10'000'000;

class event_count {
 public:
  std::uint32_t ticket() const noexcept { return word_.load(std::memory_order_acquire); }
  void wait(std::uint32_t ticket, std::int64_t nanoseconds) noexcept {
    futex_wait(word_, ticket, nanoseconds);
  }
  void notify() noexcept {
    word_.fetch_add(1, std::memory_order_release);
    futex_wake_all(word_);
  }

  // For changes that are many and seldom waited for: the waiter holds a watch around its looks, and
  // who changes something calls notify_if_watched(), which costs a load. Where the heavy barrier is
  // refused, or readers fence, one may be missed: a wait ends after a while by itself.
  class watch {
   public:
    explicit watch(event_count& of) noexcept : of_(of) {
      of_.watched_.fetch_add(1, std::memory_order_seq_cst);
      (void)heavy_barrier();
    }
    watch(const watch&) = delete;
    watch& operator=(const watch&) = delete;
    ~watch() { of_.watched_.fetch_sub(1, std::memory_order_relaxed); }

   private:
    event_count& of_;
  };
  bool is_watched() const noexcept {
    light_barrier();
    return watched_.load(std::memory_order_relaxed) != 0;
  }
  void notify_if_watched() noexcept {
    if (is_watched())
      notify();
  }

 private:
  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> watched_{0};
};

}  // namespace khelp
