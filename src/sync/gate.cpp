#include "sync/gate.hpp"

#include <sched.h>

#include "sync/futex.hpp"

namespace khelp {
namespace {

// Some tens of instructions, unless it lost its CPU, or its life. Nobody wakes who naps: it lets
// threads of lower priority get there.
void wait_until_through(thread_record& record) noexcept {
  constexpr unsigned spins = 100;
  constexpr unsigned yields = 100;
  constexpr std::int64_t nap_ns = 1'000'000;
  for (unsigned i = 0; record.passing.load(std::memory_order_acquire) != 0; ++i) {
    if (i < spins) {
      cpu_relax();
    } else if (i < spins + yields) {
      sched_yield();
    } else {
      if (owner_is_dead(record))
        return;
      futex_wait(record.passing, 1, nap_ns);
    }
  }
}

}  // namespace

bool gate::shut() noexcept {
  shut_.fetch_add(1, std::memory_order_seq_cst);
  const bool certain = heavy_barrier();
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    // A signal handler may fork in the middle of a passage of its thread.
    if (r != this_record)
      wait_until_through(*r);
  }
  return certain;
}

}  // namespace khelp
