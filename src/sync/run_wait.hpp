// Waiting for runs: every wait has an end and a name.
//
// Who waits says how long at most, and hears whom it waited for when that was too short. A wait
// without a limit tells after a while whom it waits for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sys/types.h>

#include "base/deadline.hpp"
#include "sync/annotations.hpp"
#include "sync/deep_runs.hpp"
#include "sync/futex.hpp"
#include "sync/section.hpp"

namespace khelp {

// A run that somebody waits for.
struct straggler {
  pid_t tid = 0;  // 0: unknown; the run found no room in its thread's record
  const void* point = nullptr;
  const void* set = nullptr;  // nullptr: it had not said it yet
  const khelp_osd* object = nullptr;
  std::int64_t seen_for_ns = 0;  // how long waiters have seen it inside
};

enum class waited {
  done,
  too_late,  // somebody is inside still
  refused,   // membarrier(2) is refused now: nothing is known
};

// One wait, of one caller, for any number of runs.
class run_wait {
 public:
  // For ever.
  run_wait() noexcept : run_wait(deadline(-1)) {}
  explicit run_wait(const deadline& limit) noexcept;

  // Somebody is inside still. False: the time is over.
  bool goes_on(const straggler& who) noexcept;
  // For how long to sleep until the next look.
  std::int64_t slice_ns() const noexcept;

  // When it was too late.
  const straggler& who() const noexcept { return who_; }
  const deadline& limit() const noexcept { return limit_; }
  // Since it began.
  std::int64_t so_far_ns() const noexcept;

 private:
  const deadline limit_;
  const std::int64_t began_ns_;
  bool told_ = false;
  straggler who_;
};

// Called by waits without a limit, once each, when they have lasted for a while.
void tell_of_long_waits(void (*tell)(const straggler& who)) noexcept;

// Wait until every section that was opened before the epoch has been closed: of the place with this
// key, which counts its deep ones there; or, with nullptr, of all (deep_total).
[[nodiscard]] waited wait_for_runs(const void* key, deep_runs& deep, run_wait& wait,
                                   std::uint64_t epoch = begin_epoch());

// A moment, for those who ask more than once about sections that were open then.
struct open_since {
  std::uint64_t epoch = 0;
  std::uint32_t deep = 0;  // a mark of deep_total
};
// Now, or nullopt: membarrier(2) is refused.
std::optional<open_since> sections_from_now() noexcept;
// Wait until the sections for an object that were open at that moment have closed. Deep ones do not
// say for which object they are: all of them have to. False: the time is over.
[[nodiscard]] bool wait_for_runs_of(const khelp_osd* object, const open_since& then,
                                    run_wait& wait) noexcept;

// Whether some section for this key is open now. True when nothing can be known.
bool section_is_open(const void* key) noexcept;
// The same for those who ask for many keys, after one heavy_barrier() that was not refused.
bool section_is_open_after_barrier(const void* key) noexcept;

// After a heavy barrier: the objects that sections opened before the epoch are open for. Returns how
// many there are, which may be more than there is room for.
std::size_t objects_in_sections(std::span<const khelp_osd*> objects, std::uint64_t epoch) noexcept;

// ---- for those who look at sections themselves ----

// What an open section says.
struct section_words {
  const void* point;
  const void* set;  // nullptr: object and epoch are unknown
  const khelp_osd* object;
  std::uint64_t epoch;

  // False: it is free.
  bool read(const open_section& section) noexcept {
    point = section.point.load(std::memory_order_acquire);
    set = section.set.load(std::memory_order_acquire);
    object = section.object.load(std::memory_order_acquire);
    epoch = section.epoch.load(std::memory_order_acquire);
    return point != nullptr;
  }
  bool opened_before(std::uint64_t other) const noexcept { return set == nullptr || epoch < other; }
};

// Fn: (thread_record&, std::size_t index of the section) -> bool: go on.
template <class Fn>
bool for_each_section(Fn fn) {
  for (thread_record* r = first_record(); r != nullptr; r = r->next) {
    for (std::size_t i = 0; i < section_depth; ++i) {
      if (!fn(*r, i))
        return false;
    }
  }
  return true;
}

inline constexpr int spins_before_sleep = 200;

// Sleep until the run in this section may have left. False: the time is over.
bool sleep_on_section(thread_record& record, std::size_t index, run_wait& wait,
                      bool (*goes_on)(const void* asked, const section_words&), const void* asked);

// Wait while the section is one of those that the caller waits for. Asked anew at every look, so that
// the next run of a section is not taken for the one before. Spins briefly, then sleeps. False: the
// time is over.
template <class Wanted>
bool wait_while(thread_record& record, std::size_t index, run_wait& wait, const Wanted& wanted) {
  for (int spin = 0; spin < spins_before_sleep; ++spin) {
    section_words words{};
    if (!words.read(record.sections[index]) || !wanted(words))
      return true;
    cpu_relax();
  }
  return sleep_on_section(
      record, index, wait,
      [](const void* asked, const section_words& words) {
        return (*static_cast<const Wanted*>(asked))(words);
      },
      &wanted);
}

// Wait until `left`() says that the deep sections that it looks at have closed. False: the time is
// over.
bool wait_for_deep(run_wait& wait, bool (*left)(const void* asked), const void* asked);
template <class Left>
bool wait_until_deep(run_wait& wait, const Left& left) {
  return left() ||
         wait_for_deep(
             wait, [](const void* asked) { return (*static_cast<const Left*>(asked))(); }, &left);
}

}  // namespace khelp
