#include "sync/futex_lock.hpp"

namespace khelp {
namespace {

// What is protected takes some tens of instructions; a holder that runs is gone by then.
constexpr int turns_before_sleep = 100;

}  // namespace

void lock_contended_word(std::uint32_t& word) noexcept {
  std::atomic_ref<std::uint32_t> state(word);
  for (int turn = 0; turn < turns_before_sleep; ++turn) {
    cpu_relax();
    if (state.load(std::memory_order_relaxed) == 0 && try_lock_word(word))
      return;
  }
  // Whoever slept takes it as contended: there may be another sleeper, whom its unlock must wake.
  while (state.exchange(2, std::memory_order_acquire) != 0)
    futex_wait(reinterpret_cast<std::atomic<std::uint32_t>&>(word), 2);
}

}  // namespace khelp
