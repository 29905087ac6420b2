#include "sync/gate.hpp"

#include "sync/patience.hpp"

namespace khelp {
namespace {

void wait_until_through(thread_record& record) noexcept {
  patience waiting;
  while (record.passing.load(std::memory_order_acquire) != 0) {
    if (waiting.turn() && owner_is_dead(record))
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
