// The readers' half: opening and closing sections.
//
// A section in a record costs six plain stores, and writes no shared line. Their order matters:
//   open:  point, epoch, object (release) | barrier | load the set, store it
//   close: set, point (release)           | barrier | load attention
// `|` is the light barrier whose other half is heavy_barrier(). A section with a point is not free:
// storing that first lets a signal handler open sections above a half-open one. A waiter may learn
// from any of the words that a run is over (they name another one), so each is stored with release.
//
// Epochs tell a waiter which sections were open before. Whoever waits for all sections of a place or
// of an object begins a new epoch first: sections that say it, or a later one, were opened afterwards
// and see whatever the waiter did before. So no wait is for a run that begins while it lasts.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/barrier.hpp"
#include "sync/deep_runs.hpp"
#include "sync/thread_record.hpp"

namespace khelp {

// The leave's slow path: somebody set this thread's `attention`.
void attend(thread_record& record) noexcept;
// Call `fn` on this thread when its outermost section has closed (now, if it is in none). One
// function per process.
void when_outermost_closes(void (*fn)() noexcept) noexcept;

// Whether this thread is inside any section (a hook, an object section, an attachment).
bool inside_section() noexcept;
// Whether this thread has sections that found no room in a record. While there is one, all further
// ones are deep too, so that the innermost section is always known.
bool is_deep() noexcept;
// Whether this thread may be inside a section for this object. Deep sections do not say for which
// object they are, so each of them may.
bool inside_section_of(const khelp_osd* object) noexcept;
// How many of this thread's open sections are for this key.
std::uint32_t depth_of(const void* key) noexcept;

// Threads that have deep sections.
extern deep_runs deep_total;
// In the child of a fork, when all places' deep sections have been forgotten: count this thread's.
void deep_sections_after_fork() noexcept;

// The thread's fast path serves a record with no section open.
inline bool may_open_first(const thread_record& record) noexcept {
  return record.sections[0].point.load(std::memory_order_relaxed) == nullptr;
}

// On a line of its own: every run reads it, only waiters write it.
struct alignas(64) epoch_line {
  std::atomic<std::uint64_t> now{1};
};
extern epoch_line section_epoch __attribute__((visibility("hidden")));

// A new epoch, before heavy_barrier().
inline std::uint64_t begin_epoch() noexcept {
  return section_epoch.now.fetch_add(1, std::memory_order_seq_cst) + 1;
}

inline open_section& open_record_section(thread_record& record, std::size_t index, const void* key,
                                         const khelp_osd* object) noexcept {
  open_section& section = record.sections[index];
  section.point.store(key, std::memory_order_release);
  light_barrier();
  section.epoch.store(section_epoch.now.load(std::memory_order_acquire), std::memory_order_release);
  section.object.store(object, std::memory_order_release);
  return section;
}

// After the barrier between them: load what is published at the section's place.
template <class Set>
const Set* use_published(open_section& section, void*& current) noexcept {
  const void* set = std::atomic_ref<void*>(current).load(std::memory_order_acquire);
  section.set.store(set, std::memory_order_release);
  return static_cast<const Set*>(set);
}

// The key of an open section of this thread.
inline const void* point_of(const open_section& section) noexcept {
  return section.point.load(std::memory_order_relaxed);
}

// The set an open section of this thread uses.
template <class Set>
const Set* set_in_use(const open_section& section) noexcept {
  return static_cast<const Set*>(section.set.load(std::memory_order_relaxed));
}

inline void close_record_section(open_section& section) noexcept {
  section.set.store(nullptr, std::memory_order_release);
  section.point.store(nullptr, std::memory_order_release);
}

inline bool wants_attention(const thread_record& record) noexcept {
  light_barrier();
  return record.attention.load(std::memory_order_relaxed) != 0;
}

// The general section: any depth, any barrier mode, with or without a record. Hot paths open the
// common case themselves (hhook_run.cpp).
class any_section {
 public:
  // `current` may be nullptr (a section that protects objects, not a published set).
  any_section(const void* key, void** current, deep_runs& deep, const khelp_osd* object) noexcept;
  any_section(const any_section&) = delete;
  any_section& operator=(const any_section&) = delete;
  ~any_section();

  template <class Set>
  const Set* set() const noexcept {
    return static_cast<const Set*>(set_);
  }

 private:
  friend std::uint32_t depth_of(const void* key) noexcept;
  friend void deep_sections_after_fork() noexcept;

  void enter_deep(void** current) noexcept;
  void leave_deep() noexcept;

  const void* key_;
  deep_runs& deep_;
  const void* set_ = nullptr;
  bool recorded_;
  unsigned side_ = 0;             // of deep_
  any_section* outer_ = nullptr;  // of this thread's deep sections
};

// A section for an object, for those who cannot nest scopes. `key`: of all of them.
void enter_object_section(const void* key, const khelp_osd* object) noexcept;
void leave_object_section() noexcept;

}  // namespace khelp
