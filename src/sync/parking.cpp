#include "sync/parking.hpp"

#include <algorithm>
#include <cerrno>
#include <sched.h>

#include "base/cancellation.hpp"
#include "sync/cancellable_waits.hpp"
#include "sync/futex.hpp"

namespace khelp {
namespace {

// A sleeping thread is back after some 50 us; a wait no longer than a few of these may be as short
// as a cache line's way when nobody sleeps.
constexpr std::int64_t short_wait_ns = 200'000;
constexpr std::int64_t look_ns = 60'000;
constexpr int turns_between_clocks = 16;

// What this thread's waits were like. A look in vain is followed by sleeps without one: one, three,
// seven, ...
struct experience {
  bool short_waits;
  unsigned sleeps_to_go;
  unsigned last_pause;
};
constexpr unsigned longest_pause = 1023;
__thread experience mine __attribute__((tls_model("initial-exec"))) = {false, 0, 0};

}  // namespace

std::int64_t monotonic_ns() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec;
}

void parking::let_go() noexcept {
  released_on_ = sched_getcpu();
  if (word_.exchange(gone, std::memory_order_acq_rel) == asleep)
    sem_post(&gate_);
}

void parking::look() noexcept {
  if (!mine.short_waits)
    return;
  if (mine.sleeps_to_go > 0) {
    --mine.sleeps_to_go;
    return;
  }
  const std::int64_t until = monotonic_ns() + look_ns;
  do {
    for (int turn = 0; turn < turns_between_clocks; ++turn) {
      if (is_let_go()) {
        mine.last_pause = 0;
        return;
      }
      cpu_relax();
    }
  } while (monotonic_ns() < until);
  mine.last_pause = std::min(2 * mine.last_pause + 1, longest_pause);
  mine.sleeps_to_go = mine.last_pause;
}

bool parking::lie_down() noexcept {
  std::uint32_t seen = looking;
  lies_ = lies_ || word_.compare_exchange_strong(seen, asleep, std::memory_order_acq_rel);
  return lies_;
}

bool parking::sleep(const timespec* deadline) {
  if (!lie_down())
    return true;
  passed_ = cancellable_sem_wait(gate_, deadline) == 0;
  return passed_ || errno != ETIMEDOUT;
}

void parking::wait() noexcept {
  const no_cancellation whole;
  if (!lie_down())
    return;
  while (!passed_)
    passed_ = sem_wait(&gate_) == 0;
}

void parking::remember(std::int64_t nanoseconds) noexcept {
  mine.short_waits = nanoseconds < short_wait_ns && released_on_ != sched_getcpu();
}

}  // namespace khelp
