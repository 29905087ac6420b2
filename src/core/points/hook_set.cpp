#include "core/points/hook_set.hpp"

#include "core/points/subscription.hpp"
#include "sync/barrier.hpp"

namespace khelp {
namespace {

// What a run calls where a hook stood that was removed after the run had found it.
int no_hook(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

}  // namespace

void hook_set::look_at_slots() noexcept {
  if (way_to_run() == run_way::one_plain)
    store_relaxed(way_, run_way::one);
  else if (way_to_run() == run_way::several_plain)
    store_relaxed(way_, run_way::several);
}

void hook_set::show_marks(std::size_t index) noexcept {
  hook_entry& entry = entries()[index];
  const hook_attachment& hook = *owners[index];
  // Who changes a mark comes here afterwards. Of two, the one that writes the entry last sees what the
  // other one has made of the mark, and writes again.
  full_barrier();
  for (;;) {
    const std::uint32_t seen = hook.marks();
    if ((seen & hook_attachment::removed) != 0) {
      // Loops that look at no slots go on: for them it is another function, which counts nowhere.
      store_relaxed(entry.fn, no_hook);
      store_relaxed(entry.block, no_counter_block);
      store_relaxed(entry.slot, removed_slot);
    } else if ((seen & hook_attachment::suspended) != 0) {
      store_relaxed(entry.slot, suspended_slot);
      look_at_slots();
    } else {
      store_relaxed(entry.slot, hook.wish().slot);
    }
    full_barrier();
    if (hook.marks() == seen)
      return;
  }
}

void hook_set::show_marks_of(const hook_attachment& hook) noexcept {
  for (std::uint32_t i = 0; i < count; ++i) {
    if (owners[i].get() == &hook)
      show_marks(i);
  }
}

}  // namespace khelp
