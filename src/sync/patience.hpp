// Waiting for a thread that is in the middle of some tens of instructions, unless it lost its CPU, or its
// life: look, then yield, then nap. A yield lets no thread of lower priority run; a nap does.
#pragma once

#include <atomic>
#include <cstdint>
#include <sched.h>

#include "sync/futex.hpp"

namespace khelp {

class patience {
 public:
  // True: it has taken so long that the other thread may be dead; who waits asks.
  bool turn() noexcept {
    ++turns_;
    if (turns_ <= spins) {
      cpu_relax();
    } else if (turns_ <= spins + yields) {
      sched_yield();
    } else {
      futex_wait(nobody_wakes_, 0, nap_ns);
      return true;
    }
    return false;
  }

 private:
  static constexpr unsigned spins = 100;
  static constexpr unsigned yields = 100;
  static constexpr std::int64_t nap_ns = 1'000'000;

  unsigned turns_ = 0;
  std::atomic<std::uint32_t> nobody_wakes_{0};
};

}  // namespace khelp
