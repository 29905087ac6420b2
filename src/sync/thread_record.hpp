// What the library knows of a thread: the sections it has open, its counters, and what others left
// for it.
//
// Records are mapped, linked into one list, never unmapped, and reused by later threads. Only the
// owning thread writes its sections and counters; writers (those who remove hooks, destroy data,
// sum counters) read them.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <sys/types.h>

#include "sync/barrier.hpp"

struct khelp_osd;

namespace khelp {

// Sections one thread can have open before it takes the slow path (section.hpp: any_section).
inline constexpr unsigned section_depth = 16;
// Counters of one thread: blocks of cells, handed out by counters.hpp. Mapped, touched only when
// used.
inline constexpr unsigned counter_blocks = 32768;
inline constexpr unsigned counter_cells = 8;

// One open section: "I run `point` with `set`, for `object`".
// point == nullptr: free. set == nullptr while point is not: the rest has not been said yet.
struct open_section {
  std::atomic<const void*> point{nullptr};
  std::atomic<const void*> set{nullptr};
  std::atomic<const khelp_osd*> object{nullptr};
  // The epoch (section.hpp) in which it was opened.
  std::atomic<std::uint64_t> epoch{0};
};

struct alignas(64) thread_record {
  // owner: the thread (and signal handlers on it, which restore what they change).
  // Why the next leave must take the slow path: attention_waiter, attention_outermost.
  std::atomic<std::uint32_t> attention{0};
  std::atomic<std::uint32_t> passing{
      0};                  // it is behind the gate, or asks whether it may (gate.hpp)
  void* caches = nullptr;  // core/uma: this thread's zone caches
  // A stack: the open ones come first.
  open_section sections[section_depth]{};

  // others
  std::atomic<std::uint32_t> wake{0};  // futex word: a waiter for one of the sections sleeps here
  std::atomic<pid_t> tid{0};           // 0: the record is free
  // When the owner took it, by the clock that says in /proc when a thread began: another thread that has
  // the owner's number by now began later.
  std::atomic<std::int64_t> taken_ns{0};
  bool has_cells = false;         // constant once linked
  thread_record* next = nullptr;  // constant once linked
  // When a waiter first saw the run that is in each section, by the steady clock; 0: none has.
  std::atomic<std::int64_t> first_seen[section_depth]{};

  // The owner's counters, mapped behind the record, if there was room for them.
  std::atomic<std::uint64_t>& cell(std::size_t index) noexcept {
    return reinterpret_cast<std::atomic<std::uint64_t>*>(reinterpret_cast<char*>(this) +
                                                         cells_at)[index];
  }
  const std::atomic<std::uint64_t>& cell(std::size_t index) const noexcept {
    return const_cast<thread_record*>(this)->cell(index);
  }
  static constexpr std::size_t cells_at = 4096;
};
static_assert(sizeof(thread_record) <= thread_record::cells_at);

inline constexpr std::uint32_t attention_waiter = 1;
inline constexpr std::uint32_t attention_outermost = 2;

// This thread's record, nullptr before its first section. Initial-exec: one instruction to reach.
extern __thread thread_record* this_record
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

// The same for those who count: nullptr also where the record has no counters.
extern __thread thread_record* counting_record
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

// The same for the fast path, which has no time to ask: never nullptr. A thread without a record
// or without counters, and every thread where readers fence, has one here that is always in use, which
// sends it the long way.
extern __thread thread_record* fast_record
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

// This thread's record, enrolling the thread if needed. nullptr: no memory; every caller has a way
// to go on.
thread_record* enrol() noexcept;

// All records ever made, newest first.
thread_record* first_record() noexcept;

// Whether there is no thread of this number, or only one that began after this moment.
bool thread_is_dead(pid_t tid, std::int64_t after_ns) noexcept;
// Whether the owner of a record is gone, with or without having given it back (a raw exit, a fork).
bool owner_is_dead(const thread_record& record) noexcept;
// When the owner of a record is gone without having given it back (a raw exit): its sections are
// closed, and the record is free.
void free_if_owner_died(thread_record& record,
                        bool (*is_dead)(pid_t tid, std::int64_t) = thread_is_dead) noexcept;

// Called on the ending thread, in order of registration, before its record is given back. At
// most 4.
void at_thread_end(void (*fn)(thread_record&)) noexcept;

// In the child of a fork: other threads' records become free, their sections closed.
void records_after_fork() noexcept;

}  // namespace khelp
