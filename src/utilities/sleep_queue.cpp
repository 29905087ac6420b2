#include "utilities/sleep_queue.hpp"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cancellation.hpp"
#include "sync/word.hpp"

static_assert(sizeof(khelp_sleep_count) == 64, "khelp_sleep_hash() counts in 64 bytes");

constinit khelp_sleep_count khelp_sleep_counts[khelp::channel_queues] = {};

namespace khelp {
namespace {

constinit channel_queue queues[channel_queues];

// gettid(2), asked once. 0: not yet, or no longer.
__thread pid_t my_number __attribute__((tls_model("initial-exec"))) = 0;

pid_t number_of_this_thread() noexcept {
  if (my_number == 0)
    my_number = static_cast<pid_t>(syscall(SYS_gettid));
  return my_number;
}

void let_go(sleeper& s) noexcept {
  if (s.event) {
    const no_cancellation whole;
    const std::uint64_t one = 1;
    (void)!write(s.event.get(), &one, sizeof one);
  }
  s.place.let_go();
}

}  // namespace

sleeper::sleeper(const void* on, int pri, const char* wmesg) noexcept
    : channel(on),
      message(wmesg != nullptr ? wmesg : "unknown"),
      flags(pri),
      thread(pthread_self()),
      number(number_of_this_thread()) {}

channel_queue& queue_of(const void* channel) noexcept {
  return queues[khelp_sleep_hash(channel) / sizeof(khelp_sleep_count)];
}

channel_queue& queue_at(unsigned index) noexcept {
  return queues[index];
}

// What a waker reads without the lock. It changed what the sleeper waits for under the sleeper's
// mutex: either the sleeper had counted itself before it released that mutex, or it sees the change.
void channel_queue::count_sleepers(int change) noexcept {
  std::uint32_t& count = khelp_sleep_counts[this - queues].sleepers;
  store_relaxed(count, load_relaxed(count) + static_cast<std::uint32_t>(change));
}

void channel_queue::add(sleeper& s) noexcept {
  futex_guard held(lock_);
  s.before = last_;
  (last_ != nullptr ? last_->next : first_) = &s;
  last_ = &s;
  s.queued = true;
  ++totals_.sleeps;
  count_sleepers(1);
}

void channel_queue::unlink(sleeper& s) noexcept {
  (s.before != nullptr ? s.before->next : first_) = s.next;
  (s.next != nullptr ? s.next->before : last_) = s.before;
  s.queued = false;
  count_sleepers(-1);
}

bool channel_queue::remove(sleeper& s, ending how) noexcept {
  {
    futex_guard held(lock_);
    if (s.queued) {
      unlink(s);
      totals_.timeouts += how == ending::timeout ? 1 : 0;
      totals_.interrupted += how == ending::interrupted ? 1 : 0;
      totals_.cancelled += how == ending::cancelled ? 1 : 0;
      return true;
    }
    totals_.signal_won += how == ending::interrupted ? 1 : 0;
    totals_.passed_on += how == ending::cancelled ? 1 : 0;
  }
  s.place.wait();
  return false;
}

unsigned channel_queue::wake(const void* channel, bool all) noexcept {
  sleeper* chosen = nullptr;
  sleeper** end = &chosen;
  unsigned count = 0;
  {
    futex_guard held(lock_);
    for (sleeper* s = first_; s != nullptr && (all || count == 0);) {
      sleeper* after = s->next;
      if (s->channel == channel) {
        unlink(*s);
        s->next = nullptr;
        s->alone = !all;
        *end = s;
        end = &s->next;
        ++count;
      }
      s = after;
    }
    totals_.wakeups += count;
  }
  while (chosen != nullptr) {
    sleeper& s = *chosen;
    chosen = s.next;
    let_go(s);
  }
  return count;
}

void channel_queue::add_to(khelp_sleep_totals& totals) noexcept {
  futex_guard held(lock_);
  totals.sleeps += totals_.sleeps;
  totals.wakeups += totals_.wakeups;
  totals.signal_won += totals_.signal_won;
  totals.passed_on += totals_.passed_on;
  totals.timeouts += totals_.timeouts;
  totals.interrupted += totals_.interrupted;
  totals.cancelled += totals_.cancelled;
}

void channel_queue::fork_child() noexcept {
  my_number = 0;
  for (sleeper* s = first_; s != nullptr;) {
    sleeper* after = s->next;
    if (pthread_equal(s->thread, pthread_self())) {
      s->number = number_of_this_thread();
    } else {
      unlink(*s);
      --totals_.sleeps;
      s->event.reset();
      s->signals.reset();
    }
    s = after;
  }
  lock_.unlock();
}

}  // namespace khelp
