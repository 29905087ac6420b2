// A gate: many go through it, each for some instructions and without a locked one; seldom somebody
// shuts it, and has what lies behind it to himself, and to those who come meanwhile and go another
// way (by a lock).
//
//   through:  passing = 1 | shut? passing = 0, the other way.  work; passing = 0 (release)
//   shutter:  ++shut | wait until nobody passes.               work; --shut (release)
//
// `|` is a barrier, light for those who pass, heavy for the shutter: either he sees them pass, or
// they see it shut. What somebody did behind the gate happened before what its shutter does (his
// load of `passing`), and that before what later ones do (their load of `shut`).
//
// One record says "passes", not where: one gate per process, and nobody passes twice at once. Only
// threads whose record serves the fast path (may_open_first) may try: where readers fence, none.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/barrier.hpp"
#include "sync/thread_record.hpp"

namespace khelp {

class gate {
 public:
  // False: it is shut. Else leave() is due.
  bool enter(thread_record& record) const noexcept {
    record.passing.store(1, std::memory_order_relaxed);
    light_barrier();
    if (shut_.load(std::memory_order_acquire) == 0) [[likely]]
      return true;
    leave(record);
    return false;
  }
  static void leave(thread_record& record) noexcept {
    record.passing.store(0, std::memory_order_release);
  }

  // Shut it and wait until the other threads are through. False: the heavy barrier is refused, so
  // that somebody may be behind it whom we don't see. open() is due in either case.
  [[nodiscard]] bool shut() noexcept;
  void open() noexcept { shut_.fetch_sub(1, std::memory_order_release); }
  // In the child of a fork: who forked has shut it, and others who had are not there.
  void shut_by_one() noexcept { shut_.store(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> shut_{0};  // by how many
};

// Shut for the life of the object.
class shut_gate {
 public:
  explicit shut_gate(gate& g) noexcept : gate_(g), certain_(g.shut()) {}
  shut_gate(const shut_gate&) = delete;
  shut_gate& operator=(const shut_gate&) = delete;
  ~shut_gate() { gate_.open(); }

  // False: somebody may be behind it.
  bool certain() const noexcept { return certain_; }

 private:
  gate& gate_;
  const bool certain_;
};

}  // namespace khelp
