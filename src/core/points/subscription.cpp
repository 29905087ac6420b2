#include "core/points/subscription.hpp"

#include "sync/word.hpp"

namespace khelp {

hook_attachment::~hook_attachment() {
  if (call_totals* totals = wish_->totals.get()) {
    totals->calls += counter_sum(block_, cell_calls);
    totals->exceptions += exceptions_;
    for (unsigned reason = 0; reason < KHELP_SKIP_REASONS; ++reason)
      totals->skipped[reason] += counter_sum(block_, cell_skips + reason);
  }
  give_counter_block(block_);
}

std::uint32_t hook_attachment::marks() const noexcept {
  return load_acquire(marks_);
}

bool hook_attachment::mark(std::uint32_t as) noexcept {
  return (set_bits(marks_, as) & as) == 0;
}

bool hook_attachment::unmark(std::uint32_t as) noexcept {
  return (clear_bits(marks_, as) & as) != 0;
}

}  // namespace khelp
