// Sections that find no room in their thread's record count themselves at their place instead: slower,
// and as correct.
//
// Three words, all zero at first: how often the sides were exchanged, and how many are inside of
// each side. The number of exchanges says which side newcomers take. Who waits for those inside has
// to see each side empty once: the one that nobody enters first, then it exchanges the sides and
// waits for the other. So newcomers keep nobody waiting, however many there are. (Sleepable RCU does
// the same.) An exchange needs the side that newcomers will take to be empty, so two of them tell
// everybody who came before the first that both sides were.
//
//   enter:  ++inside | load what is published        waiter:  publish | load inside
//
// `|` is a full barrier: the counts are changed by locked instructions.
#pragma once

#include <atomic>
#include <cstdint>

namespace khelp {

using deep_runs = std::uint32_t[3];

// Returns the side, which leaving wants back. Somebody who is held up between the two loads enters the
// side that is waited for: he then loads what was published before.
inline unsigned enter_deep(deep_runs& runs) noexcept {
  const unsigned side = std::atomic_ref(runs[0]).load(std::memory_order_seq_cst) & 1;
  std::atomic_ref(runs[1 + side]).fetch_add(1, std::memory_order_seq_cst);
  return side;
}

inline void leave_deep(deep_runs& runs, unsigned side) noexcept {
  std::atomic_ref(runs[1 + side]).fetch_sub(1, std::memory_order_seq_cst);
}

inline bool none_is_deep(const deep_runs& runs) noexcept {
  auto& words = const_cast<deep_runs&>(runs);
  return std::atomic_ref(words[1]).load(std::memory_order_seq_cst) == 0 &&
         std::atomic_ref(words[2]).load(std::memory_order_seq_cst) == 0;
}

// A moment: after something was published, and a full barrier.
inline std::uint32_t deep_mark(const deep_runs& runs) noexcept {
  return std::atomic_ref(const_cast<deep_runs&>(runs)[0]).load(std::memory_order_seq_cst);
}

// Whether those who were inside at that moment have left. Asking is what exchanges the sides.
inline bool deep_left(deep_runs& runs, std::uint32_t mark) noexcept {
  const std::atomic_ref exchanges(runs[0]);
  while (true) {
    std::uint32_t now = exchanges.load(std::memory_order_seq_cst);
    const std::uint32_t since = now - mark;
    if (since >= 2 || none_is_deep(runs))
      return true;
    const unsigned resting = (now & 1) ^ 1;
    if (std::atomic_ref(runs[1 + resting]).load(std::memory_order_seq_cst) != 0)
      return false;
    if (since == 1)
      return true;
    exchanges.compare_exchange_strong(now, now + 1, std::memory_order_seq_cst);
  }
}

// In the child of a fork: nobody is inside.
inline void forget_deep(deep_runs& runs) noexcept {
  std::atomic_ref(runs[1]).store(0, std::memory_order_relaxed);
  std::atomic_ref(runs[2]).store(0, std::memory_order_relaxed);
}
// But one of this side.
inline void count_deep_again(deep_runs& runs, unsigned side) noexcept {
  std::atomic_ref(runs[1 + side]).fetch_add(1, std::memory_order_relaxed);
}

}  // namespace khelp
