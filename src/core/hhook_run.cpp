// Running a point. The straight line (membarrier mode, no run open on this thread, one hook, result
// unwanted) is written out; everything else goes through run_any().
//
// Nothing on the straight line asks what is rare: suspended hooks hide behind the slot test, timed
// hooks behind the function pointer, nested runs and fences behind `top`, exceptions behind the
// unwinder's tables.
#include <ctime>
#include <cxxabi.h>

#include <khelp/hhook.h>
#include <khelp/stats.h>

#include "core/attachment.hpp"
#include "core/hook_registry.hpp"
#include "core/hook_set.hpp"
#include "sync/cancellation.hpp"
#include "sync/section.hpp"
#include "sync/word.hpp"

namespace khelp {
namespace {

inline void* slot_value(const khelp_osd* hosd, std::uint32_t slot) noexcept {
  if (hosd == nullptr || slot > load_acquire(hosd->osd_nslots))
    return nullptr;
  return load_acquire(load_relaxed(hosd->osd_slots)[slot - 1]);
}

inline std::size_t index_of(const hook_set& set, const hook_entry* entry) noexcept {
  return static_cast<std::size_t>(entry - set.entries());
}

// A hook of the set threw. Called in the handler.
[[gnu::cold]] void count_exception(const hook_set& set, std::size_t index, khelp_hhook_head& head) {
  bump(set.entries()[index].block, cell_exceptions);
  the_hooks().suspend(set, index, head);
}

[[gnu::cold]] void count_recursion(const hook_set& set) {
  for (std::uint32_t i = 0; i < set.count; ++i)
    bump(set.entries()[i].block, cell_skips + static_cast<unsigned>(KHELP_SKIP_RECURSION));
}

// Every hook of the set, in order. The caller's section protects the set; forced unwinding passes
// through it.
template <class CountCall>
KHELP_CATCHES_FORCED_UNWINDING int run_set(const hook_set& set, khelp_hhook_head& head, void* ctx,
                                           khelp_osd* hosd, CountCall count_call) {
  int combined = 0;
  const hook_entry* const end = set.entries() + set.count;
  for (const hook_entry* entry = set.entries(); entry != end; ++entry) {
    void* hdata = nullptr;
    const std::uint32_t slot = load_relaxed(entry->slot);
    if (slot != 0) {
      hdata = slot_value(hosd, slot);
      if (KHELP_UNLIKELY(hdata == nullptr)) {
        hdata = adopt_or_count_skip(set, index_of(set, entry), slot, hosd);
        if (hdata == nullptr)
          continue;
      }
    }
    count_call(entry->block);
    int outcome = 0;
    try {
      outcome = entry->fn(head.hhh_type, head.hhh_id, entry->udata, ctx, hdata, hosd);
    } catch (const abi::__forced_unwind&) {
      throw;
    } catch (...) {
      count_exception(set, index_of(set, entry), head);
      continue;
    }
    if (outcome == 0 || set.rule == result_rule::ignore)
      continue;
    if (set.rule == result_rule::first)
      return outcome;
    if (combined == 0 || outcome > combined)
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
    count_recursion(*set);
    return 0;
  }
  return run_set(*set, head, ctx, hosd, [](counter_block block) { bump(block, cell_calls); });
}

namespace {

// Nested, fenced, deep, or the thread's first run.
[[gnu::noinline]] int run_any(khelp_hhook_head& head, void* ctx, khelp_osd* hosd) {
  const std::uint32_t depth = depth_of(&head);
  const any_section section(&head, &head.hhh_hooks, head.hhh_deep, hosd);
  return run_found(section, depth, head, ctx, hosd);
}

// Closes the straight line's section.
inline void close_first(thread_record& record) {
  close_record_section(record, 0, record.sections[0]);
  if (KHELP_UNLIKELY(wants_attention(record)))
    attend(record);
}

// The straight line's section is open, but what is published asks for more. Out of line, and in a
// tail call, so that the straight line keeps nothing for it in registers.
[[gnu::noinline]] void run_opened(thread_record& record, khelp_hhook_head& head, void* ctx,
                                  khelp_osd* hosd) {
  struct closing {
    thread_record& record;
    ~closing() { close_first(record); }
  } const at_end{record};
  if (const auto* set = set_in_use<hook_set>(record.sections[0]))
    run_set(*set, head, ctx, hosd,
            [&record](counter_block block) { bump(record, block, cell_calls); });
}

// The one hook of the straight line threw; called in the handler.
[[gnu::cold, gnu::noinline]] void count_first_exception(thread_record& record) {
  open_section& section = record.sections[0];
  auto* head = static_cast<const khelp_hhook_head*>(point_of(section));
  count_exception(*set_in_use<hook_set>(section), 0, *const_cast<khelp_hhook_head*>(head));
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

extern "C" KHELP_CATCHES_FORCED_UNWINDING void khelp_hhook_run_hooks(khelp_hhook_head* hhh,
                                                                     void* ctx, khelp_osd* hosd) {
  using namespace khelp;
  thread_record& record = *straight_record;
  if (KHELP_UNLIKELY(!may_open_first(record))) {
    run_any(*hhh, ctx, hosd);
    return;
  }
  open_section& section = open_record_section(record, 0, hhh, hosd);
  light_barrier();
  const auto* set = use_published<hook_set>(section, hhh->hhh_hooks);
  if (KHELP_UNLIKELY(set == nullptr || !set->single))
    return run_opened(record, *hhh, ctx, hosd);
  const hook_entry& entry = *set->entries();
  const std::uint32_t slot = load_relaxed(entry.slot);
  void* hdata = nullptr;
  if (slot != 0) {
    hdata = slot_value(hosd, slot);
    if (KHELP_UNLIKELY(hdata == nullptr))
      return run_opened(record, *hhh, ctx, hosd);
  }
  bump(record, entry.block, cell_calls);
  try {
    entry.fn(hhh->hhh_type, hhh->hhh_id, entry.udata, ctx, hdata, hosd);
  } catch (const abi::__forced_unwind&) {
    // The thread is cancelled, or ends, inside the hook.
    close_first(record);
    throw;
  } catch (...) {
    count_first_exception(record);
  }
  close_first(record);
}

extern "C" int khelp_hhook_run_hooks_result(khelp_hhook_head* hhh, void* ctx, khelp_osd* hosd) {
  return khelp::run_any(*hhh, ctx, hosd);
}
