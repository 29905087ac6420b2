#include "sync/counters.hpp"

namespace khelp {
namespace {

// Bit set: taken. Block 0 stays taken. Without a lock, so that a fork finds nothing half done.
std::atomic<std::uint64_t> taken[counter_blocks / 64] = {1};
std::atomic<std::uint32_t> search_from{0};  // a hint

// The cells of threads without a record. Never touched: never backed by memory.
std::atomic<std::uint64_t> orphan_cells[static_cast<std::size_t>(counter_blocks) * counter_cells];

template <class Fn>
void for_each_cell(counter_block block, unsigned cell, Fn fn) {
  const std::size_t index = std::size_t{block} + cell;
  fn(orphan_cells[index]);
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    if (r->has_cells)
      fn(r->cell(index));
  }
}

}  // namespace

counter_block take_counter_block() noexcept {
  constexpr std::uint32_t words = counter_blocks / 64;
  const std::uint32_t from = search_from.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < words; ++i) {
    const std::uint32_t w = (from + i) % words;
    std::uint64_t seen = taken[w].load(std::memory_order_relaxed);
    while (seen != ~std::uint64_t{0}) {
      const int bit = __builtin_ctzll(~seen);
      // Pairs with giving it back: the cells are zero.
      if (!taken[w].compare_exchange_weak(seen, seen | std::uint64_t{1} << bit,
                                          std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      search_from.store(w, std::memory_order_relaxed);
      return (w * 64 + static_cast<std::uint32_t>(bit)) * counter_cells;
    }
  }
  return no_counter_block;
}

void give_counter_block(counter_block block) noexcept {
  if (block == no_counter_block)
    return;
  for (unsigned cell = 0; cell < counter_cells; ++cell) {
    for_each_cell(block, cell, [](std::atomic<std::uint64_t>& counter) {
      // A store to an untouched page would give it memory.
      if (counter.load(std::memory_order_relaxed) != 0)
        counter.store(0, std::memory_order_relaxed);
    });
  }
  const std::uint32_t number = block / counter_cells;
  taken[number / 64].fetch_and(~(std::uint64_t{1} << (number % 64)), std::memory_order_release);
  if (number / 64 < search_from.load(std::memory_order_relaxed))
    search_from.store(number / 64, std::memory_order_relaxed);
}

std::uint64_t counter_of(const thread_record& record, counter_block block, unsigned cell) noexcept {
  return record.has_cells ? record.cell(std::size_t{block} + cell).load(std::memory_order_relaxed)
                          : 0;
}

std::uint64_t counter_sum(counter_block block, unsigned cell) noexcept {
  std::uint64_t sum = 0;
  for_each_cell(block, cell, [&sum](std::atomic<std::uint64_t>& counter) {
    sum += counter.load(std::memory_order_relaxed);
  });
  return sum;
}

std::uint64_t counter_sum_of_ends(counter_block block, unsigned cell) noexcept {
  std::uint64_t sum = 0;
  for_each_cell(block, cell, [&sum](std::atomic<std::uint64_t>& counter) {
    sum += counter.load(std::memory_order_acquire);
  });
  return sum;
}

void detail::bump_at_end_without_record(counter_block block, unsigned cell) noexcept {
  orphan_cells[std::size_t{block} + cell].fetch_add(1, std::memory_order_release);
}

void detail::bump_without_record(counter_block block, unsigned cell, std::uint64_t by) noexcept {
  orphan_cells[std::size_t{block} + cell].fetch_add(by, std::memory_order_relaxed);
}

}  // namespace khelp
