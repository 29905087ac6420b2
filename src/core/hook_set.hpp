// What a point publishes: an immutable, packed array of hooks in running order, and beside it what
// only cold code reads.
//
// entries()[i] and owners[i] belong together. After publish, only suspending a hook changes a set: it
// stores a slot number no object has, so that the run that reaches the hook takes the skip path, and
// has runs look at slots. It costs runs nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <khelp/hhook.h>

#include "sync/counters.hpp"
#include "sync/publication.hpp"
#include "sync/word.hpp"

namespace khelp {

class hook_attachment;

struct hook_entry {
  khelp_hhook_func_t fn;  // nullptr: behind the last hook
  void* udata;
  std::int32_t type;  // of the point
  std::int32_t id;
  std::uint32_t slot;  // of the data the hook needs; 0: none; suspended_slot: skip it
  counter_block block;
};

// Above every slot there can be.
inline constexpr std::uint32_t suspended_slot = 0xffffffff;

// Cells of a hook's counter block.
enum hook_cell : unsigned {
  cell_calls = 0,
  cell_exceptions = 1,
  cell_timed_calls = 2,
  cell_timed_ns = 3,
  cell_skips = 4,  // + enum khelp_skip
};

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

  // From now on, runs skip this hook,
  void suspend(std::size_t index) noexcept {
    store_relaxed(entries()[index].slot, suspended_slot);
    if (way_to_run() == run_way::one_plain)
      store_relaxed(way_, run_way::one);
    else if (way_to_run() == run_way::several_plain)
      store_relaxed(way_, run_way::several);
  }
  // or call it again. They go on looking at slots: another hook may be suspended at the same time.
  void resume(std::size_t index, std::uint32_t slot) noexcept {
    store_relaxed(entries()[index].slot, slot);
  }

  result_rule rule = result_rule::ignore;
  std::uint32_t count;
  std::uint32_t recursion_limit = 8;
  std::vector<std::shared_ptr<hook_attachment>> owners;

 private:
  explicit hook_set(std::uint32_t n) : count(n) {}
  void* operator new(std::size_t, void* memory) { return memory; }
};

}  // namespace khelp
