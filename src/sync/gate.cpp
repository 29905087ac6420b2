#include "sync/gate.hpp"

#include <sched.h>

#include "sync/futex.hpp"

namespace khelp {
namespace {

// Some tens of instructions, unless it lost its CPU, or its life.
void wait_until_through(const thread_record& record) noexcept {
  constexpr unsigned spins = 100;
  constexpr unsigned yields_between_looks = 1000;
  for (unsigned i = 0; record.passing.load(std::memory_order_acquire) != 0; ++i) {
    if (i < spins)
      cpu_relax();
    else
      sched_yield();
    if (i % yields_between_looks == yields_between_looks - 1 && owner_is_dead(record))
      return;
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
