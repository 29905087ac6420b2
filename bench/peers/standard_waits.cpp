/// The standard library's ways to wait: condition_variable, and atomics since C++20.
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "turns.hpp"

namespace {

struct condition_table {
  std::mutex mutex;
  std::condition_variable changed;
  std::uint32_t turn = 0;

  void await(std::uint32_t mine) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return turn == mine; });
  }
  void pass(std::uint32_t mine) {
    {
      const std::lock_guard lock(mutex);
      turn = 1 - mine;
    }
    changed.notify_one();
  }
};

struct atomic_table {
  std::atomic<std::uint32_t> turn{0};

  void await(std::uint32_t mine) { turn.wait(1 - mine, std::memory_order_acquire); }
  void pass(std::uint32_t mine) {
    turn.store(1 - mine, std::memory_order_release);
    turn.notify_one();
  }
};

condition_table nobody_at_condition;
atomic_table nobody_at_atomic;

void notify_condition() {
  nobody_at_condition.changed.notify_one();
}
void lock_and_notify_condition() {
  const std::lock_guard lock(nobody_at_condition.mutex);
  nobody_at_condition.changed.notify_one();
}
void notify_atomic() {
  nobody_at_atomic.turn.notify_one();
}

const adds_rows waits{
    round_trips<condition_table>("condition_variable"),
    round_trips<atomic_table>("std::atomic wait"),
    idle_wakeup<notify_condition>("condition_variable", role::peer, "its lock not taken"),
    idle_wakeup<lock_and_notify_condition>("condition_variable and its lock"),
    idle_wakeup<notify_atomic>("std::atomic wait"),
};

}  // namespace
