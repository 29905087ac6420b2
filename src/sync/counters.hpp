// Counters that threads bump without sharing a line, summed when asked.
//
// A block is eight cells in each thread's record. Bumping is a load, an add and a store on the
// thread's own line; threads without a record share one set of cells and pay an atomic add.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/thread_record.hpp"
#include "sync/under_tsan.hpp"

namespace khelp {

using counter_block = std::uint32_t;  // index of its first cell; 0 is never handed out
inline constexpr counter_block no_counter_block = 0;

// A block with all cells zero; no_counter_block when all are taken.
counter_block take_counter_block() noexcept;
// Nobody may bump it any more.
void give_counter_block(counter_block block) noexcept;

// For a cell whose increments say that something is over: whoever sees them in the sum sees
// everything that the threads did before.
inline void bump_at_end(counter_block block, unsigned cell) noexcept;
std::uint64_t counter_sum_of_ends(counter_block block, unsigned cell) noexcept;

// What one record counted, of a thread that does not run (in the child of a fork).
std::uint64_t counter_of(const thread_record& record, counter_block block, unsigned cell) noexcept;

// Sum of a cell over all threads, past ones included. A sum that increments race with is some value
// between.
std::uint64_t counter_sum(counter_block block, unsigned cell) noexcept;

namespace detail {
void bump_without_record(counter_block block, unsigned cell, std::uint64_t by) noexcept;
void bump_at_end_without_record(counter_block block, unsigned cell) noexcept;
}  // namespace detail

inline void bump(thread_record& record, counter_block block, unsigned cell,
                 std::uint64_t by = 1) noexcept {
  auto& counter = record.cell(std::size_t{block} + cell);
#if defined(__x86_64__) && !KHELP_UNDER_TSAN
  // One instruction, so that what a signal handler bumps in between is not lost; no lock prefix,
  // since no other thread writes the cell.
  asm volatile("addq %1, %0" : "+m"(counter) : "er"(by));
#else
  counter.fetch_add(by, std::memory_order_relaxed);
#endif
}

inline void bump(counter_block block, unsigned cell, std::uint64_t by = 1) noexcept {
  if (thread_record* record = counting_record)
    bump(*record, block, cell, by);
  else
    detail::bump_without_record(block, cell, by);
}

inline void bump_at_end(thread_record& record, counter_block block, unsigned cell) noexcept {
  auto& counter = record.cell(std::size_t{block} + cell);
#if defined(__x86_64__) && !KHELP_UNDER_TSAN
  // As bump(); the machine keeps stores in order.
  asm volatile("addq $1, %0" : "+m"(counter) : : "memory");
#else
  counter.fetch_add(1, std::memory_order_release);
#endif
}

inline void bump_at_end(counter_block block, unsigned cell) noexcept {
  if (thread_record* record = counting_record)
    bump_at_end(*record, block, cell);
  else
    detail::bump_at_end_without_record(block, cell);
}

}  // namespace khelp
