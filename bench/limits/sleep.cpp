/// The limits of sleeping and waking: a futex, and a count of sleepers that is looked at.
#include <atomic>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "turns.hpp"

namespace {

struct futex_table {
  std::atomic<std::uint32_t> turn{0};

  void await(std::uint32_t mine) {
    while (turn.load(std::memory_order_acquire) != mine)
      syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - mine, nullptr, nullptr, 0);
  }
  void pass(std::uint32_t mine) {
    turn.store(1 - mine, std::memory_order_release);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
};

futex_table nobody_waits;
std::atomic<std::uint32_t> sleepers;

void wake_if_counted() {
  if (__builtin_expect(sleepers.load(std::memory_order_relaxed) != 0, 0))
    nobody_waits.pass(0);
}

void wake_futex() {
  syscall(SYS_futex, &nobody_waits.turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

const adds_rows limits{
    round_trips<futex_table>("futex", role::limit),
    idle_wakeup<wake_if_counted>("a count of sleepers", role::limit),
    idle_wakeup<wake_futex>("futex"),
};

}  // namespace
