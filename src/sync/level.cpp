#include "sync/level.hpp"

#include <algorithm>
#include <cstdlib>

namespace khelp {
namespace {

std::int64_t value(const std::atomic<std::uint64_t>& cell) noexcept {
  return static_cast<std::int64_t>(cell.load(std::memory_order_relaxed));
}

void set(std::atomic<std::uint64_t>& cell, std::int64_t to) noexcept {
  cell.store(static_cast<std::uint64_t>(to), std::memory_order_relaxed);
}

}  // namespace

std::int64_t shared_level::slack() const noexcept {
  return std::max(least_slack, highest_.load(std::memory_order_relaxed) / 64);
}

void shared_level::tell(std::int64_t change) noexcept {
  const std::int64_t sum = sum_told_.fetch_add(change, std::memory_order_relaxed) + change;
  std::int64_t highest = highest_.load(std::memory_order_relaxed);
  while (sum > highest &&
         !highest_.compare_exchange_weak(highest, sum, std::memory_order_relaxed)) {
  }
}

void shared_level::change(thread_record* record, std::int64_t change) noexcept {
  if (record == nullptr) {
    without_record_.store(true, std::memory_order_relaxed);
    detail::bump_without_record(block_, now_, static_cast<std::uint64_t>(change));
    tell(change);
    return;
  }
  std::atomic<std::uint64_t>* cells = &record->cell(block_);
  const std::int64_t now = value(cells[now_]) + change;
  set(cells[now_], now);
  if (now > value(cells[peak_]))
    set(cells[peak_], now);
  const std::int64_t untold = now - value(cells[told_]);
  if (std::abs(untold) <= slack())
    return;
  set(cells[told_], now);
  tell(untold);
}

std::int64_t shared_level::level() const noexcept {
  return static_cast<std::int64_t>(counter_sum(block_, now_));
}

std::int64_t shared_level::high() const noexcept {
  std::int64_t peaks = 0;
  std::int64_t threads = 0;
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (!r->has_cells)
      continue;
    const std::int64_t peak = value(r->cell(block_ + peak_));
    peaks += peak;
    threads += peak != 0 || value(r->cell(block_ + now_)) != 0 ? 1 : 0;
  }
  const std::int64_t bound = highest_.load(std::memory_order_relaxed) + threads * slack();
  const bool no_peaks = without_record_.load(std::memory_order_relaxed);
  return std::max(level(), no_peaks ? bound : std::min(peaks, bound));
}

}  // namespace khelp
