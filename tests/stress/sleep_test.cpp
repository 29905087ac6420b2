// Sleepers, wakers, signals and times at random: every wakeup is accounted for, nobody stays asleep,
// and channels stay first come first served.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <deque>
#include <latch>
#include <pthread.h>
#include <random>
#include <thread>
#include <unistd.h>

#include <khelp/sleep.h>

#include "rig.hpp"

using namespace stress;

namespace {

constexpr unsigned sleepers = 64;
constexpr unsigned wakers = 8;
constexpr unsigned channels = 4;

khelp_sleep_totals totals() {
  khelp_sleep_totals t{};
  t.size = sizeof t;
  khelp_sleep_total(&t);
  return t;
}

// ---- signals: one whose handler asks for restarts, one whose handler does not ----

constexpr int restarting_signal = SIGUSR2;
constexpr int plain_signal = SIGUSR1;
thread_local volatile std::sig_atomic_t plain_handled = 0;
thread_local volatile std::sig_atomic_t restarting_handled = 0;

void handle(int number) {
  if (number == plain_signal)
    plain_handled = plain_handled + 1;
  else
    restarting_handled = restarting_handled + 1;
}

void install_handlers() {
  struct sigaction action {};
  action.sa_handler = handle;
  sigaction(plain_signal, &action, nullptr);
  action.sa_flags = SA_RESTART;
  sigaction(restarting_signal, &action, nullptr);
}

// ---- a channel, and what is written down under its mutex ----

// A channel's events are numbered by its mutex. A sleep is queued while it is held, and a wakeup
// made; so both orders are the order of the numbers.
struct channel {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  bool stop = false;
  std::uint64_t now = 0;

  struct woken_sleep {
    std::uint64_t queued;
    std::uint64_t returned;
  };
  std::vector<woken_sleep> woken;      // sleeps that returned 0
  std::vector<std::uint64_t> wakeups;  // for each sleeper found: when

  void lock() { khelp_mutex_lock(&mutex); }
  void unlock() { khelp_mutex_unlock(&mutex); }

  void wake(bool all) {
    const unsigned found = all ? khelp_wakeup(this) : khelp_wakeup_one(this);
    wakeups.insert(wakeups.end(), found, ++now);
  }

  // If the k-th wakeup found the k-th oldest of those woken, each was queued before and returned
  // after. Any other order breaks that for some sleep that returned between two wakeups.
  void check_order() {
    ASSERT_EQ(woken.size(), wakeups.size());
    std::sort(woken.begin(), woken.end(),
              [](const woken_sleep& a, const woken_sleep& b) { return a.queued < b.queued; });
    for (std::size_t i = 0; i < woken.size(); ++i) {
      ASSERT_LT(woken[i].queued, wakeups[i]) << i;
      ASSERT_GT(woken[i].returned, wakeups[i]) << i;
    }
  }
};

struct counts {
  std::uint64_t woken = 0;
  std::uint64_t timeouts = 0;
  std::uint64_t signals = 0;
  std::uint64_t found = 0;
};

class crowd {
 public:
  // `signals`: sleeps may catch them; then it cannot be told which sleeps a wakeup found.
  explicit crowd(bool signals) : signals_(signals) {
    for (unsigned i = 0; i < sleepers; ++i)
      threads_.emplace_back([this, i] { sleep_again_and_again(i); });
    for (unsigned i = 0; i < wakers; ++i)
      threads_.emplace_back([this, i] { wake_again_and_again(i); });
    running_.wait();
  }

  void send_signal(std::mt19937& random) {
    std::thread& to = threads_[random() % sleepers];
    pthread_kill(to.native_handle(), random() % 2 == 0 ? plain_signal : restarting_signal);
  }

  // One wakeup for each channel is the last: who is asleep then must be found by it.
  counts stop() {
    wakers_stop_ = true;
    for (unsigned i = sleepers; i < threads_.size(); ++i)
      threads_[i].join();
    for (channel& c : channels_) {
      c.lock();
      c.stop = true;
      c.wake(true);
      c.unlock();
    }
    for (unsigned i = 0; i < sleepers; ++i)
      threads_[i].join();
    for (channel& c : channels_)
      sum_.found += c.wakeups.size();
    return sum_;
  }

  std::deque<channel>& all() { return channels_; }

 private:
  void sleep_again_and_again(unsigned number) {
    std::mt19937 random(number);
    channel& c = channels_[number % channels];
    counts mine;
    running_.count_down();
    c.lock();
    while (!c.stop)
      sleep_once(c, random, mine);
    c.unlock();
    add(mine);
  }

  void sleep_once(channel& c, std::mt19937& random, counts& mine) {
    const timespec limit{0, static_cast<long>(random() % 300'000)};
    const bool catches = signals_ && random() % 2 == 0;
    const bool drops = random() % 4 == 0;
    const int pri = (catches ? KHELP_SLEEP_PCATCH : 0) | (drops ? KHELP_SLEEP_PDROP : 0);
    const std::sig_atomic_t plain = plain_handled;
    const std::sig_atomic_t restarting = restarting_handled;
    const std::uint64_t queued = ++c.now;
    const int answer =
        khelp_msleep(&c, &c.mutex, pri, "stress", random() % 2 == 0 ? &limit : nullptr);
    ASSERT_EQ(khelp_mutex_held(&c.mutex) != 0, !drops);
    if (drops)
      c.lock();
    switch (answer) {
      case 0:
        ++mine.woken;
        c.woken.push_back({queued, ++c.now});
        break;
      case EWOULDBLOCK:
        ++mine.timeouts;
        break;
      case EINTR:
        ++mine.signals;
        EXPECT_NE(plain_handled, plain);
        break;
      case KHELP_ERESTART:
        ++mine.signals;
        EXPECT_NE(restarting_handled, restarting);
        break;
      default:
        FAIL() << answer;
    }
  }

  void wake_again_and_again(unsigned number) {
    std::mt19937 random(1000 + number);
    running_.count_down();
    while (!wakers_stop_) {
      channel& c = channels_[random() % channels];
      c.lock();
      c.wake(random() % 8 == 0);
      c.unlock();
      if (random() % 4 == 0)
        std::this_thread::yield();
    }
  }

  void add(const counts& mine) {
    const std::lock_guard held(sum_mutex_);
    sum_.woken += mine.woken;
    sum_.timeouts += mine.timeouts;
    sum_.signals += mine.signals;
  }

  const bool signals_;
  std::deque<channel> channels_{channels};
  std::atomic<bool> wakers_stop_{false};
  std::latch running_{sleepers + wakers};
  std::mutex sum_mutex_;
  counts sum_;
  std::vector<std::thread> threads_;
};

constexpr std::chrono::milliseconds round_time{1500};

template <class Act>
void for_a_round(Act act) {
  const auto end = std::chrono::steady_clock::now() + round_time;
  while (std::chrono::steady_clock::now() < end)
    act();
}

// A long test is many rounds: what a round writes down has to fit into memory.
template <class Round>
void rounds(Round round) {
  const auto end = std::chrono::steady_clock::now() + budget(round_time);
  do {
    round();
  } while (std::chrono::steady_clock::now() < end && !testing::Test::HasFailure());
}

void a_round_with_timeouts() {
  const auto before = totals();
  crowd all(false);
  for_a_round([] { std::this_thread::yield(); });
  const counts sum = all.stop();
  const auto after = totals();
  for (channel& c : all.all())
    c.check_order();
  EXPECT_GT(sum.timeouts, 0u);
  EXPECT_EQ(sum.woken, sum.found);
  EXPECT_EQ(sum.timeouts, after.timeouts - before.timeouts);
}

}  // namespace

TEST(sleep_stress, each_wakeup_finds_the_longest_sleeper_among_timeouts) {
  rounds(a_round_with_timeouts);
}

namespace {

void a_round_with_signals_and_forks() {
  install_handlers();
  std::mt19937 random(7);
  const auto before = totals();
  crowd all(true);
  int turns = 0;
  for_a_round([&] {
    all.send_signal(random);
    if (++turns % 500 != 0)
      return;
    EXPECT_EQ(in_child([] {
                const timespec moment{0, 100'000};
                char nobody;
                const auto first = totals();
                demand(khelp_msleep(&nobody, nullptr, KHELP_SLEEP_PCATCH, "child", &moment) ==
                           EWOULDBLOCK,
                       "a sleep of the child's ends");
                const auto t = totals();
                demand(t.sleeps == t.wakeups + t.timeouts + t.interrupted + t.cancelled,
                       "nobody of the parent's sleeps in the child");
                demand(t.sleeps == first.sleeps + 1, "it was one sleep");
              }),
              0);
  });
  const counts sum = all.stop();
  const auto after = totals();
  EXPECT_GT(sum.signals, 0u);
  const auto won = after.signal_won - before.signal_won;
  EXPECT_EQ(sum.found, after.wakeups - before.wakeups) << "what wakers found";
  EXPECT_EQ(sum.woken, sum.found - won) << "returned 0, or a signal won";
  EXPECT_EQ(sum.timeouts, after.timeouts - before.timeouts);
  EXPECT_EQ(sum.signals, after.interrupted - before.interrupted + won);
  EXPECT_EQ(after.sleeps, after.wakeups + after.timeouts + after.interrupted + after.cancelled)
      << "nobody is asleep";
}

}  // namespace

TEST(sleep_stress, wakeups_signals_and_timeouts_add_up_while_children_are_forked) {
  rounds(a_round_with_signals_and_forks);
}

namespace {

khelp_mutex shared_mutex = KHELP_MUTEX_INITIALIZER;
char shared_channel;

void unlock_shared(void*) {
  EXPECT_EQ(khelp_mutex_unlock(&shared_mutex), 0) << "a cancelled sleeper holds the mutex";
}

void* sleep_until_cancelled(void* catches) {
  khelp_mutex_lock(&shared_mutex);
  pthread_cleanup_push(unlock_shared, nullptr);
  while (true)
    khelp_msleep(&shared_channel, &shared_mutex, catches != nullptr ? KHELP_SLEEP_PCATCH : 0,
                 "stress", nullptr);
  pthread_cleanup_pop(0);
  return nullptr;
}

void a_round_with_cancellation() {
  const auto before = totals();
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> found{0};
  std::vector<std::thread> waking;
  for (unsigned i = 0; i < wakers; ++i) {
    waking.emplace_back([&] {
      while (!stop) {
        found += khelp_wakeup_one(&shared_channel);
        std::this_thread::yield();
      }
    });
  }
  std::uint64_t cancelled = 0;
  for_a_round([&] {
    std::vector<pthread_t> threads(sleepers / 4);
    for (std::size_t i = 0; i < threads.size(); ++i) {
      void* catches = i % 2 == 0 ? nullptr : &shared_channel;
      ASSERT_EQ(pthread_create(&threads[i], nullptr, sleep_until_cancelled, catches), 0);
    }
    for (pthread_t thread : threads) {
      std::this_thread::yield();
      pthread_cancel(thread);
    }
    for (pthread_t thread : threads) {
      void* result = nullptr;
      pthread_join(thread, &result);
      EXPECT_EQ(result, PTHREAD_CANCELED);
      ++cancelled;
    }
  });
  stop = true;
  for (std::thread& t : waking)
    t.join();
  const auto after = totals();
  const auto passed_on = after.passed_on - before.passed_on;
  EXPECT_EQ(after.sleeps, after.wakeups + after.timeouts + after.interrupted + after.cancelled)
      << "nobody is asleep";
  EXPECT_EQ(cancelled, after.cancelled - before.cancelled + passed_on)
      << "each thread's last sleep was ended by its cancellation";
  EXPECT_GE(after.wakeups - before.wakeups, found.load());
  EXPECT_LE(after.wakeups - before.wakeups, found.load() + passed_on);
}

}  // namespace

TEST(sleep_stress, cancelled_sleepers_hand_their_wakeups_on_and_leave_nothing_behind) {
  rounds(a_round_with_cancellation);
}
