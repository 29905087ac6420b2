// What a point publishes: an immutable, packed array of hooks in running order, and beside it what
// only cold code reads.
//
// entries()[i] and owners[i] belong together. After publish only a hook's marks (hook_attachment) change
// a set, and cost runs nothing: a suspended hook gets a slot number that no object has, so that the run
// that reaches it takes the skip path, and runs look at slots; one that was removed from inside a hook
// gets a function that does nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <khelp/hhook.h>
#include <khelp/stats.h>

#include "sync/counters.hpp"
#include "sync/publication.hpp"
#include "sync/word.hpp"

namespace khelp {

class hook_attachment;

struct hook_entry {
  khelp_hhook_func_t fn;  // nullptr: behind the last hook. Read by reread(), as is block
  void* udata;
  std::int32_t type;  // of the point
  std::int32_t id;
  std::uint32_t slot;  // of the data the hook needs; 0: none; or one of the two below: skip it
  counter_block block;
};

// Above every slot there can be.
inline constexpr std::uint32_t suspended_slot = 0xffffffff;
inline constexpr std::uint32_t removed_slot = 0xfffffffe;

// Cells of a hook's counter block.
enum hook_cell : unsigned {
  cell_calls = 0,
  cell_timed_calls = 1,
  cell_timed_ns = 2,
  cell_skips = 3,  // + enum khelp_skip
};
static_assert(cell_skips + unsigned{KHELP_SKIP_REASONS} <= counter_cells);

enum class result_rule : std::uint32_t { ignore, first, strictest };

// How runs go through a set: what they need not ask. Plain: no hook needs data, none is suspended.
// With results: there are several, and the rule is not ignore. Of one hook the rule says only whether
// its result counts.
enum class run_way : std::uint8_t { one_plain, one, several_plain, several, with_results };

class hook_set final : public published_set {
  run_way way_ = run_way::several;  // here, where the base leaves room

 public:
  // Room for `count` hooks; throws std::bad_alloc.
  static std::unique_ptr<hook_set> make(std::size_t count) {
    void* memory = ::operator new(sizeof(hook_set) + (count + 1) * sizeof(hook_entry));
    std::unique_ptr<hook_set> set(new (memory) hook_set(static_cast<std::uint32_t>(count)));
    set->entries()[count] = {};
    set->owners.reserve(count);
    return set;
  }
  void operator delete(void* memory) { ::operator delete(memory); }

  hook_entry* entries() { return reinterpret_cast<hook_entry*>(this + 1); }
  const hook_entry* entries() const { return reinterpret_cast<const hook_entry*>(this + 1); }

  // Once all slots are written.
  void choose_way(result_rule results) {
    rule = results;
    bool plain = true;
    for (std::uint32_t i = 0; i < count; ++i)
      plain = plain && entries()[i].slot == 0;
    if (count == 1)
      way_ = plain ? run_way::one_plain : run_way::one;
    else if (results != result_rule::ignore)
      way_ = run_way::with_results;
    else
      way_ = plain ? run_way::several_plain : run_way::several;
  }
  run_way way_to_run() const noexcept { return load_relaxed(way_); }

  // A hook's marks have changed: have runs do what they say.
  void show_marks(std::size_t index) noexcept;
  void show_marks_of(const hook_attachment& hook) noexcept;

  result_rule rule = result_rule::ignore;
  std::uint32_t count;
  std::uint32_t recursion_limit = 8;
  std::int32_t when_skipped = 0;  // what a hook that is skipped, or throws, counts for
  std::vector<std::shared_ptr<hook_attachment>> owners;

 private:
  // For good: another hook may be suspended when this one is resumed.
  void look_at_slots() noexcept;

  explicit hook_set(std::uint32_t n) : count(n) {}
  void* operator new(std::size_t, void* memory) { return memory; }
};

}  // namespace khelp
