#include "sync/reaper.hpp"

#include <atomic>
#include <new>

#include "base/cancellation.hpp"
#include "sync/item_call.hpp"
#include "sync/publication.hpp"

namespace khelp {

__thread unsigned item_calls = 0;

namespace {

struct reaper_list {
  std::atomic<reaper> entries[8];

  void add(reaper fn) noexcept {
    for (auto& entry : entries) {
      reaper expected = nullptr;
      if (entry.compare_exchange_strong(expected, fn) || expected == fn)
        return;
    }
  }
  // Without memory what one had to do counts as waiting.
  unsigned call() noexcept {
    unsigned waiting = 0;
    for (auto& entry : entries) {
      try {
        if (auto* fn = entry.load())
          waiting += fn();
      } catch (const std::bad_alloc&) {
        ++waiting;
      }
    }
    return waiting;
  }
};
constinit reaper_list reapers;
constinit reaper_list last_reapers;

}  // namespace

unsigned reap() noexcept {
  if (would_wait_for_itself())
    return 0;
  const no_cancellation later;
  const unsigned waiting = reapers.call() + free_quiescent_sets();
  return waiting + last_reapers.call();
}

void add_reaper(reaper fn) noexcept {
  reapers.add(fn);
}

void add_last_reaper(reaper fn) noexcept {
  last_reapers.add(fn);
}

}  // namespace khelp
