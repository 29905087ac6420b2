// A zone's limit: who waits for it, and who is told.
#include <algorithm>
#include <ctime>
#include <utility>

#include "base/guarded.hpp"
#include "base/log.hpp"
#include "core/zones/uma_registry.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/futex.hpp"

using namespace khelp;
using namespace khelp::uma;

namespace {

constexpr std::int64_t warning_interval_s = 300;
constexpr std::int64_t sleep_slice_ns = 1'000'000'000;

std::int64_t monotonic_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

}  // namespace

void khelp_uma_zone::set_limit(std::uint64_t items) noexcept {
  lock_guard held(lock);
  limit = items;
  tight = false;
  if (!caches_items())
    gather();
  admit_waiters();
}

void khelp_uma_zone::set_max_cached(std::uint64_t items) noexcept {
  lock_guard held(lock);
  max_depot = items;
  // A thread has two magazines.
  bucket_size = static_cast<unsigned>(std::min<std::uint64_t>(bucket_size, items / 2));
  gather();
}

void khelp_uma_zone::admit_waiters() noexcept {
  while (first_waiter != nullptr && (limit == 0 || out < limit)) {
    waiter* w = first_waiter;
    first_waiter = w->next;
    if (first_waiter == nullptr)
      last_waiter = nullptr;
    ++out;
    ++granted;
    w->granted = 1;
    // Its stack may be gone before this: waking nobody is harmless.
    futex_wake_all(w->granted);
  }
  if (tight && first_waiter == nullptr && (limit == 0 || out <= limit - limit / 4))
    tight = false;
}

void khelp_uma_zone::sleep_on_limit(waiter& me) noexcept {
  {
    lock_guard held(lock);
    ++sleeps;
    (last_waiter == nullptr ? first_waiter : last_waiter->next) = &me;
    last_waiter = &me;
    // Room since we looked: first come, first served, so we may be the first.
    admit_waiters();
  }
  while (me.granted == 0)
    futex_wait(me.granted, 0, sleep_slice_ns);
  lock_guard held(lock);
  --granted;
}

void khelp_uma_zone::tell_limit() {
  void (*action)(khelp_uma_zone*, int) = nullptr;
  std::shared_ptr<const std::string> words;
  {
    lock_guard held(lock);
    action = maxaction;
    const std::int64_t now = monotonic_seconds();
    if (warning != nullptr && warnings_on() &&
        (warned_at == INT64_MIN || now - warned_at >= warning_interval_s)) {
      warned_at = now;
      words = warning;
    }
  }
  if (words != nullptr)
    log(KHELP_LOG_WARNING, {"[zone: ", name, "] ", *words});
  if (action != nullptr)
    action(this, 1);
}
