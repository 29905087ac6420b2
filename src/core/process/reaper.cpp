#include "core/process/reaper.hpp"

#include <atomic>
#include <new>

#include "base/cancellation.hpp"
#include "core/helpers/attachment.hpp"
#include "core/points/hook_registry.hpp"
#include "sync/section.hpp"

namespace khelp {
namespace {

std::atomic<unsigned (*)()> reapers[8];

template <class Fn>
unsigned without_memory_counts_as_waiting(Fn fn) {
  try {
    return fn();
  } catch (const std::bad_alloc&) {
    return 1;
  }
}

}  // namespace

unsigned reap() noexcept {
  if (would_wait_for_itself())
    return 0;
  const no_cancellation later;
  unsigned waiting = 0;
  for (auto& entry : reapers) {
    if (auto* fn = entry.load())
      waiting += without_memory_counts_as_waiting(fn);
  }
  waiting += free_quiescent_sets();
  waiting += the_hooks().bury_points();
  return waiting;
}

void add_reaper(unsigned (*fn)()) noexcept {
  for (auto& entry : reapers) {
    unsigned (*expected)() = nullptr;
    if (entry.compare_exchange_strong(expected, fn) || expected == fn)
      return;
  }
}

}  // namespace khelp
