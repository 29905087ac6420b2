// Running a point. The fast path (membarrier mode, no run open on this thread, one hook) is written
// out once, for runs whose result is wanted and for others; everything else goes through run_any().
//
// Nothing on the fast path asks what is rare: hooks with data, suspended ones and several hide
// behind the set's way to run, timed ones behind the function pointer, nested runs and fences behind
// the first section being in use, exceptions behind the unwinder's tables. How a point combines
// results is asked only where there are several, or where the result is wanted.
#include <ctime>
#include <cxxabi.h>
#include <type_traits>

#include <khelp/hhook.h>
#include <khelp/stats.h>

#include "base/cancellation.hpp"
#include "base/kept_errno.hpp"
#include "core/points/hook_owner.hpp"
#include "core/points/hook_registry.hpp"
#include "core/points/hook_set.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

// nullptr for slot 0, too.
inline void* slot_value(const khelp_osd* hosd, std::uint32_t slot) noexcept {
  const std::uint32_t index = slot - 1;
  if (hosd == nullptr || index >= load_acquire(hosd->osd_nslots))
    return nullptr;
  return load_acquire(load_relaxed(hosd->osd_slots)[index]);
}

inline std::size_t index_of(const hook_set& set, const hook_entry* entry) noexcept {
  return static_cast<std::size_t>(entry - set.entries());
}

// What a skipped hook counts for. One that was removed meanwhile has no say.
[[gnu::cold]] int result_of_skip(const hook_set& set, const hook_entry* entry) noexcept {
  return load_relaxed(entry->slot) == removed_slot ? 0 : set.when_skipped;
}

// The data for a hook that found its slot empty: its owner's word. nullptr: the hook is skipped, and
// the reason has been counted; or it was removed.
[[gnu::noinline]] void* adopt_or_count_skip(const hook_set& set, const hook_entry* entry,
                                            khelp_osd* osd) {
  const kept_errno as_the_run_found_it;
  const hook_attachment& hook = *set.owners[index_of(set, entry)];
  const std::uint32_t slot = load_relaxed(entry->slot);
  if (slot == removed_slot)
    return nullptr;
  khelp_skip why = slot == suspended_slot ? KHELP_SKIP_SUSPENDED : KHELP_SKIP_NO_DATA;
  hook_owner* owner = hook.wish().owner;
  if (slot != suspended_slot && osd != nullptr && owner != nullptr) {
    if (void* data = owner->data_for(*osd, why))
      return data;
  }
  bump(hook.block(), cell_skips + static_cast<unsigned>(why));
  return nullptr;
}

// A hook of the set threw. Called in the handler.
[[gnu::cold]] void count_exception(const hook_set& set, std::size_t index, khelp_hhook_head& head) {
  set.owners[index]->count_exception();
  the_hooks().suspend(set, index, head);
}

// Every hook is skipped; what that counts for.
[[gnu::cold]] int count_recursion(const hook_set& set) {
  int combined = 0;
  for (std::uint32_t i = 0; i < set.count; ++i) {
    bump(set.owners[i]->block(), cell_skips + static_cast<unsigned>(KHELP_SKIP_RECURSION));
    if (const int outcome = result_of_skip(set, &set.entries()[i]); outcome != 0)
      combined = outcome;
  }
  return set.rule == result_rule::ignore ? 0 : combined;
}

// A run of a section that the caller keeps.
struct run_by_hand {
  const hook_set& set;
  khelp_hhook_head& head;

  static void count_call(counter_block block) { bump(block, cell_calls); }
  result_rule rule() const { return set.rule; }
  void* data_or_skip(const hook_entry* entry, khelp_osd* hosd) const {
    return adopt_or_count_skip(set, entry, hosd);
  }
  int skipped(const hook_entry* entry) const { return result_of_skip(set, entry); }
  int threw(const hook_entry* entry) const {
    count_exception(set, index_of(set, entry), head);
    return set.when_skipped;
  }
};

// Every hook from this entry on, in order. The caller's section protects the set; forced unwinding
// passes through it.
// With many hooks each branch costs a cycle: plain hooks have no more than the loop's. What is rare is
// asked of `run`, so that it keeps no registers.
template <run_way way, class Run>
KHELP_CATCHES_FORCED_UNWINDING int run_from(const hook_entry* entry, const Run run, void* ctx,
                                            khelp_osd* hosd) {
  int combined = 0;
  for (; reread(entry->fn) != nullptr; ++entry) {
    int outcome = 0;
    void* hdata = nullptr;
    bool skipped = false;
    const std::uint32_t slot = way == run_way::several_plain ? 0 : load_relaxed(entry->slot);
    if (KHELP_UNLIKELY(slot != 0)) {
      hdata = slot_value(hosd, slot);
      if (KHELP_UNLIKELY(hdata == nullptr)) {
        hdata = run.data_or_skip(entry, hosd);
        skipped = hdata == nullptr;
        if (skipped && way == run_way::with_results)
          outcome = run.skipped(entry);
      }
    }
    if (KHELP_LIKELY(!skipped)) {
      run.count_call(reread(entry->block));
      try {
        outcome = reread(entry->fn)(entry->type, entry->id, entry->udata, ctx, hdata, hosd);
      } catch (const abi::__forced_unwind&) {
        throw;
      } catch (...) {
        outcome = run.threw(entry);
      }
    }
    if (way != run_way::with_results || outcome == 0)
      continue;
    const result_rule rule = run.rule();
    if (rule == result_rule::first)
      return outcome;
    if (rule == result_rule::strictest && (combined == 0 || outcome > combined))
      combined = outcome;
  }
  return combined;
}

}  // namespace

int run_found(const any_section& section, std::uint32_t depth, khelp_hhook_head& head, void* ctx,
              khelp_osd* hosd) {
  const auto* set = section.set<hook_set>();
  if (KHELP_UNLIKELY(set == nullptr))
    return 0;
  if (KHELP_UNLIKELY(depth >= set->recursion_limit)) {
    return count_recursion(*set);
  }
  const run_by_hand run{*set, head};
  if (set->rule == result_rule::ignore)
    return run_from<run_way::several>(set->entries(), run, ctx, hosd);
  return run_from<run_way::with_results>(set->entries(), run, ctx, hosd);
}

namespace {

// Nested, fenced, deep, or the thread's first run.
[[gnu::noinline]] int run_any(khelp_hhook_head& head, void* ctx, khelp_osd* hosd) {
  const std::uint32_t depth = depth_of(&head);
  const any_section section(&head, &head.hhh_hooks, head.hhh_deep, hosd);
  return run_found(section, depth, head, ctx, hosd);
}

// Closes the fast path's section.
inline void close_first(thread_record& record) {
  close_record_section(record.sections[0]);
  if (KHELP_UNLIKELY(wants_attention(record)))
    attend(record);
}

// The same of the fast path's run, whose section knows everything. What is rare is out of line.
[[gnu::cold, gnu::noinline]] int count_exception(thread_record& record, const hook_entry* entry) {
  const open_section& section = record.sections[0];
  const auto& set = *set_in_use<hook_set>(section);
  auto* head = static_cast<const khelp_hhook_head*>(point_of(section));
  count_exception(set, index_of(set, entry), *const_cast<khelp_hhook_head*>(head));
  return set.when_skipped;
}

[[gnu::cold, gnu::noinline]] int result_of_skip(const thread_record& record,
                                                const hook_entry* entry) noexcept {
  return result_of_skip(*set_in_use<hook_set>(record.sections[0]), entry);
}

[[gnu::noinline]] void* data_or_skip(const thread_record& record, const hook_entry* entry,
                                     khelp_osd* hosd) {
  const auto& set = *set_in_use<hook_set>(record.sections[0]);
  return adopt_or_count_skip(set, entry, hosd);
}

inline result_rule rule_of(const thread_record& record) {
  return set_in_use<hook_set>(record.sections[0])->rule;
}

struct run_on_record {
  thread_record& record;

  void count_call(counter_block block) const { bump(record, block, cell_calls); }
  result_rule rule() const { return rule_of(record); }
  void* data_or_skip(const hook_entry* entry, khelp_osd* hosd) const {
    return khelp::data_or_skip(record, entry, hosd);
  }
  int skipped(const hook_entry* entry) const { return result_of_skip(record, entry); }
  int threw(const hook_entry* entry) const { return count_exception(record, entry); }
};

// What is left to do where the fast path has opened its section. Out of line, and in tail calls,
// so that the fast path keeps nothing for it in registers.
template <run_way way>
[[gnu::noinline]] auto run_opened(thread_record& record, void* ctx, khelp_osd* hosd) {
  struct closing {
    thread_record& record;
    ~closing() { close_first(record); }
  } const at_end{record};
  using result = std::conditional_t<way == run_way::with_results, int, void>;
  const hook_entry* first = set_in_use<hook_set>(record.sections[0])->entries();
  return static_cast<result>(run_from<way>(first, run_on_record{record}, ctx, hosd));
}

// The one hook of the fast path threw; called in the handler.
[[gnu::cold, gnu::noinline]] int count_first_exception(thread_record& record) {
  return count_exception(record, set_in_use<hook_set>(record.sections[0])->entries());
}

// What the point makes of its only hook's result.
inline int result_of_one(const thread_record& record, int outcome) noexcept {
  return rule_of(record) == result_rule::ignore ? 0 : outcome;
}

// Result: int, or void where nobody wants it.
template <class Result>
KHELP_CATCHES_FORCED_UNWINDING inline Result run_fast(khelp_hhook_head& head, void* ctx,
                                                      khelp_osd* hosd) {
  thread_record& record = *fast_record;
  if (KHELP_UNLIKELY(!may_open_first(record)))
    return static_cast<Result>(run_any(head, ctx, hosd));
  open_section& section = open_record_section(record, 0, &head, hosd);
  light_barrier();
  const auto* set = use_published<hook_set>(section, head.hhh_hooks);
  if (KHELP_UNLIKELY(set == nullptr)) {
    close_first(record);
    return Result();
  }
  const hook_entry& entry = *set->entries();
  void* hdata = nullptr;
  if (const run_way found = set->way_to_run(); KHELP_UNLIKELY(found != run_way::one_plain)) {
    if (found == run_way::one)
      hdata = slot_value(hosd, load_relaxed(entry.slot));
    else if (found == run_way::several_plain)
      return run_opened<run_way::several_plain>(record, ctx, hosd), Result();
    else if (found == run_way::several)
      return run_opened<run_way::several>(record, ctx, hosd), Result();
    if (KHELP_UNLIKELY(hdata == nullptr))
      return static_cast<Result>(run_opened<run_way::with_results>(record, ctx, hosd));
  }
  bump(record, reread(entry.block), cell_calls);
  int outcome = 0;
  try {
    outcome = reread(entry.fn)(entry.type, entry.id, entry.udata, ctx, hdata, hosd);
  } catch (const abi::__forced_unwind&) {
    // The thread is cancelled, or ends, inside the hook.
    close_first(record);
    throw;
  } catch (...) {
    outcome = count_first_exception(record);
  }
  if constexpr (!std::is_void_v<Result>)
    outcome = result_of_one(record, outcome);
  close_first(record);
  return static_cast<Result>(outcome);
}

}  // namespace

int run_timed_hook(std::int32_t type, std::int32_t id, void* udata, void* ctx, void* hdata,
                   khelp_osd* hosd) {
  // Counts also when the hook throws.
  struct stopwatch {
    explicit stopwatch(counter_block b) : block(b) { clock_gettime(CLOCK_MONOTONIC, &start); }
    ~stopwatch() {
      timespec end{};
      clock_gettime(CLOCK_MONOTONIC, &end);
      const std::int64_t ns =
          (end.tv_sec - start.tv_sec) * 1'000'000'000 + end.tv_nsec - start.tv_nsec;
      bump(block, cell_timed_calls);
      bump(block, cell_timed_ns, static_cast<std::uint64_t>(ns));
    }
    counter_block block;
    timespec start{};
  };
  const auto& hook = *static_cast<const hook_attachment*>(udata);
  const stopwatch running(hook.block());
  const khelp_hookinfo& info = hook.wish().info;
  return info.hook_func(type, id, info.hook_udata, ctx, hdata, hosd);
}

}  // namespace khelp

extern "C" void khelp_hhook_run_hooks(khelp_hhook_head* hhh, void* ctx, khelp_osd* hosd) {
  khelp::run_fast<void>(*hhh, ctx, hosd);
}

extern "C" int khelp_hhook_run_hooks_result(khelp_hhook_head* hhh, void* ctx, khelp_osd* hosd) {
  return khelp::run_fast<int>(*hhh, ctx, hosd);
}
