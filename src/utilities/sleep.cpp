// msleep(9) and wakeup(9).
//
// A sleep: stand in the queue, release the caller's lock, wait, leave the queue, lock again. The
// queue's lock is never held while the caller's is taken or released, and never while waiting.
#include <cerrno>
#include <cstring>
#include <ctime>
#include <sched.h>
#include <string>
#include <sys/eventfd.h>
#include <vector>

#include <khelp/error.h>
#include <khelp/sleep.h>

#include "base/cold_call.hpp"
#include "base/failure_text.hpp"
#include "sync/cancellable_waits.hpp"
#include "utilities/signal_watch.hpp"
#include "utilities/sleep_queue.hpp"

namespace khelp {
namespace {

constexpr std::int64_t ns_per_s = 1'000'000'000;
// Between looks at pending signals when there is no descriptor to wait for them with.
constexpr std::int64_t blind_ns = 10'000'000;

// The caller's lock, released and taken again once each.
class interlocked {
 public:
  interlocked(const khelp_interlock* lock, bool drop) noexcept : lock_(lock), drop_(drop) {}

  void release() {
    if (lock_ != nullptr && lock_->release != nullptr)
      lock_->release(lock_->lock);
    released_ = true;
  }
  // Before any return: locked again, or with PDROP not locked.
  void settle() {
    if (drop_ && !released_)
      release();
    if (!drop_ && released_ && lock_ != nullptr && lock_->acquire != nullptr)
      lock_->acquire(lock_->lock);
  }

 private:
  const khelp_interlock* lock_;
  const bool drop_;
  bool released_ = false;
};

// A point on CLOCK_MONOTONIC, or none.
class time_limit {
 public:
  explicit time_limit(const timespec* relative) noexcept {
    if (relative == nullptr || (relative->tv_sec == 0 && relative->tv_nsec == 0))
      return;
    const std::int64_t now = monotonic_ns();
    const std::int64_t room = (INT64_MAX - now) / ns_per_s - 1;
    if (relative->tv_sec >= room)  // centuries
      return;
    set_ = true;
    ns_ = now + relative->tv_sec * ns_per_s + relative->tv_nsec;
    at_ = spec(ns_);
  }

  bool is_set() const noexcept { return set_; }
  bool is_over() const noexcept { return set_ && monotonic_ns() >= ns_; }
  const timespec* at() const noexcept { return set_ ? &at_ : nullptr; }
  timespec left() const noexcept {
    const std::int64_t now = monotonic_ns();
    return spec(ns_ > now ? ns_ - now : 0);
  }
  // The earlier of this and so many nanoseconds from now.
  timespec or_in(std::int64_t ns) const noexcept {
    const std::int64_t then = monotonic_ns() + ns;
    return spec(set_ && ns_ < then ? ns_ : then);
  }

 private:
  static timespec spec(std::int64_t ns) noexcept { return {ns / ns_per_s, ns % ns_per_s}; }

  bool set_ = false;
  std::int64_t ns_ = 0;
  timespec at_{};
};

bool is_time(const timespec* ts) noexcept {
  return ts == nullptr || (ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < ns_per_s);
}

// In the queue of its channel; NULL is in none.
class stay {
 public:
  explicit stay(sleeper& s) noexcept : sleeper_(s) {
    if (s.channel != nullptr)
      queue_of(s.channel).add(s);
  }
  stay(const stay&) = delete;
  stay& operator=(const stay&) = delete;

  // Out of it, in one of the ways. True: a wakeup came first.
  bool leave(ending how) noexcept {
    return sleeper_.channel != nullptr && !queue_of(sleeper_.channel).remove(sleeper_, how);
  }
  // Out of it because the thread unwinds. What was meant for one goes to the next.
  void abandon() noexcept {
    if (leave(ending::cancelled) && sleeper_.alone)
      khelp_wake_sleepers(sleeper_.channel, 0);
  }

 private:
  sleeper& sleeper_;
};

int plain_wait(sleeper& me, stay& in_queue, const time_limit& limit) {
  me.place.look();
  while (!me.place.is_let_go()) {
    if (!me.place.sleep(limit.at()))
      return in_queue.leave(ending::timeout) ? 0 : EWOULDBLOCK;
  }
  me.place.wait();
  me.place.remember(monotonic_ns() - me.since);
  return 0;
}

// Until let go, a signal, the time, or for no reason. A cancellation point.
void catching_turn(sleeper& me, const time_limit& limit) {
  if (me.event && me.signals) {
    pollfd files[] = {{me.event.get(), POLLIN, 0}, {me.signals.get(), POLLIN, 0}};
    const timespec left = limit.left();
    const int ready = cancellable_poll(files, 2, limit.is_set() ? &left : nullptr);
    if (ready > 0 && (files[0].revents & POLLIN) != 0)
      me.place.wait();
    if (ready <= 0 || ((files[0].revents | files[1].revents) & ~POLLIN) == 0)
      return;
    // Somebody closed what it did not open.
  }
  const timespec soon = limit.or_in(blind_ns);
  (void)me.place.sleep(&soon);
}

int catching_wait(sleeper& me, stay& in_queue, const time_limit& limit, signal_watch& signals) {
  for (;;) {
    // Before a wakeup: a signal wins.
    if (const int answer = signals.interruption(me.signals)) {
      in_queue.leave(ending::interrupted);
      return answer;
    }
    if (me.place.is_let_go()) {
      me.place.wait();
      return 0;
    }
    if (limit.is_over())
      return in_queue.leave(ending::timeout) ? 0 : EWOULDBLOCK;
    catching_turn(me, limit);
  }
}

int sleep_plainly(interlocked& lock, sleeper& me, const time_limit& limit) {
  stay in_queue(me);
  try {
    lock.release();
    return plain_wait(me, in_queue, limit);
  } catch (...) {
    in_queue.abandon();
    throw;
  }
}

int sleep_catching(interlocked& lock, sleeper& me, const time_limit& limit) {
  signal_watch signals;
  me.event = unique_fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  me.signals = signals.descriptor();
  stay in_queue(me);
  try {
    lock.release();
    return catching_wait(me, in_queue, limit, signals);
  } catch (...) {
    in_queue.abandon();
    throw;
  }
}

int give_up_turn(interlocked& lock, int pri) {
  lock.release();
  sched_yield();
  if ((pri & KHELP_SLEEP_PCATCH) == 0)
    return 0;
  signal_watch signals;
  return signals.interruption(unique_fd());
}

int sleep_on(const void* chan, interlocked& lock, int pri, const char* wmesg, const timespec* ts) {
  const time_limit limit(ts);
  if (chan == nullptr && !limit.is_set())
    return give_up_turn(lock, pri);
  sleeper me(chan, pri, wmesg);
  return (pri & KHELP_SLEEP_PCATCH) != 0 ? sleep_catching(lock, me, limit)
                                         : sleep_plainly(lock, me, limit);
}

const char* words_of(int answer) noexcept {
  switch (answer) {
    case EWOULDBLOCK:
      return "sleep: its time is over";
    case EINTR:
    case KHELP_ERESTART:
      return "sleep: ended by a signal";
    default:
      return "sleep: a time is not negative and has less than 10^9 nanoseconds";
  }
}

}  // namespace
}  // namespace khelp

using namespace khelp;

int khelp_sleep(const void* chan, const struct khelp_interlock* interlock, int pri,
                const char* wmesg, const struct timespec* ts) {
  clear_failure_text();
  interlocked lock(interlock, (pri & KHELP_SLEEP_PDROP) != 0);
  int answer = EINVAL;
  try {
    if (is_time(ts))
      answer = sleep_on(chan, lock, pri, wmesg, ts);
  } catch (...) {
    lock.settle();
    throw;
  }
  lock.settle();
  if (answer != 0)
    set_failure_text(words_of(answer));
  return answer;
}

int khelp_msleep(const void* chan, struct khelp_mutex* mutex, int pri, const char* wmesg,
                 const struct timespec* ts) {
  if (mutex == nullptr)
    return khelp_sleep(chan, nullptr, pri, wmesg, ts);
  if (khelp_mutex_held(mutex) == 0) {
    set_failure_text("sleep: this thread does not hold the mutex");
    return EPERM;
  }
  const khelp_interlock interlock = {
      [](void* lock) { khelp_mutex_unlock(static_cast<khelp_mutex*>(lock)); },
      [](void* lock) { khelp_mutex_lock(static_cast<khelp_mutex*>(lock)); }, mutex};
  return khelp_sleep(chan, &interlock, pri, wmesg, ts);
}

unsigned khelp_wake_sleepers(const void* chan, int all) noexcept {
  return chan == nullptr ? 0 : queue_of(chan).wake(chan, all != 0);
}

int khelp_sleep_list(void (*fn)(void* arg, const struct khelp_sleeper* sleeper), void* arg) {
  struct row {
    khelp_sleeper shown;
    std::string message;
  };
  return cold_call([&]() -> result<void> {
    std::vector<row> rows;
    const std::int64_t now = monotonic_ns();
    for (unsigned i = 0; i < channel_queues; ++i) {
      queue_at(i).for_each([&](const sleeper& s) {
        khelp_sleeper shown{};
        shown.size = sizeof shown;
        shown.thread = s.number;
        shown.chan = s.channel;
        shown.slept_ns = now - s.since;
        shown.priority = s.flags & KHELP_SLEEP_PRIMASK;
        shown.catches = (s.flags & KHELP_SLEEP_PCATCH) != 0 ? 1 : 0;
        rows.push_back({shown, std::string(s.message, strnlen(s.message, 63))});
      });
    }
    for (row& r : rows) {
      r.shown.wmesg = r.message.c_str();
      fn(arg, &r.shown);
    }
    return {};
  });
}

int khelp_sleep_total(struct khelp_sleep_totals* totals) noexcept {
  if (totals->size != sizeof *totals) {
    set_failure_text("sleep totals: set the member size");
    return EINVAL;
  }
  khelp_sleep_totals sum{};
  for (unsigned i = 0; i < channel_queues; ++i)
    queue_at(i).add_to(sum);
  sum.size = sizeof sum;
  *totals = sum;
  return 0;
}
