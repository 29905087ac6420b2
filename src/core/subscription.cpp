#include "core/subscription.hpp"

#include "sync/word.hpp"

namespace khelp {

hook_attachment::~hook_attachment() {
  if (call_totals* totals = wish_->totals.get()) {
    totals->calls += counter_sum(block_, cell_calls);
    totals->exceptions += counter_sum(block_, cell_exceptions);
    for (unsigned reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
      totals->skipped[reason] += counter_sum(block_, cell_skips + reason);
  }
  give_counter_block(block_);
}

bool hook_attachment::suspended() const {
  return load_acquire(suspended_) != 0;
}

bool hook_attachment::set_suspended(bool on) {
  return exchange(suspended_, on ? 1 : 0) != 0;
}

}  // namespace khelp
