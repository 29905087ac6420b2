#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/error.h>
#include <khelp/sleep.h>
#include <khelp/sleep.hpp>

namespace {

constexpr timespec forever{0, 0};
constexpr timespec a_moment{0, 1'000'000};
constexpr int catching = KHELP_SLEEP_PCATCH;
constexpr int dropping = KHELP_SLEEP_PDROP;

// ---- who is asleep ----

struct shown {
  const void* channel;
  std::string why;
  int priority;
  bool catches;
  int thread;
};

std::vector<shown> asleep_on(const void* channel) {
  struct wanted {
    const void* channel;
    std::vector<shown> found;
  } w{channel, {}};
  EXPECT_EQ(
      khelp_sleep_list(
          [](void* arg, const khelp_sleeper* s) {
            auto& to = *static_cast<wanted*>(arg);
            if (s->chan == to.channel)
              to.found.push_back({s->chan, s->wmesg, s->priority, s->catches != 0, s->thread});
          },
          &w),
      0);
  return w.found;
}

void await_sleepers(const void* channel, std::size_t number) {
  while (asleep_on(channel).size() != number)
    sched_yield();
}

khelp_sleep_totals totals() {
  khelp_sleep_totals t{};
  t.size = sizeof t;
  EXPECT_EQ(khelp_sleep_total(&t), 0);
  return t;
}

// ---- signals ----

std::atomic<int> handled{0};
std::atomic<pthread_t> handled_by{};
std::atomic<bool> held_in_handler{false};
std::atomic<khelp_mutex*> watched_mutex{nullptr};

void count_signal(int) {
  handled_by = pthread_self();
  if (watched_mutex != nullptr)
    held_in_handler = khelp_mutex_held(watched_mutex) != 0;
  ++handled;
}

// A handler while it lives.
class handler {
 public:
  handler(int number, int flags, void (*fn)(int) = count_signal) : number_(number) {
    struct sigaction now {};
    now.sa_handler = fn;
    now.sa_flags = flags;
    sigaction(number, &now, &before_);
    handled = 0;
  }
  ~handler() { sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ {};
};

// ---- sleeping threads ----

// Sleeps once on a channel with a mutex of its own, and says how it went.
struct one_sleep {
  explicit one_sleep(const void* channel, int pri = 0, const timespec* limit = nullptr)
      : thread([this, channel, pri, limit] {
          khelp_mutex_lock(&mutex);
          answer = khelp_msleep(channel, &mutex, pri, "test", limit);
          held = khelp_mutex_held(&mutex) != 0;
          if (held)
            khelp_mutex_unlock(&mutex);
          over = true;
        }) {}
  void join() { thread.join(); }

  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  int answer = -100;
  bool held = false;
  std::atomic<bool> over{false};
  std::thread thread;
};

// A lock that does something at the moment when the sleeper is in the queue and its lock is free.
struct acting_lock {
  std::function<void()> act;
  int released = 0;
  int acquired = 0;
  khelp_interlock interlock{[](void* lock) {
                              auto& mine = *static_cast<acting_lock*>(lock);
                              ++mine.released;
                              mine.act();
                            },
                            [](void* lock) { ++static_cast<acting_lock*>(lock)->acquired; }, this};
};

int sleep_while(const void* channel, int pri, std::function<void()> act,
                const timespec* limit = nullptr) {
  acting_lock lock{std::move(act)};
  const int answer = khelp_sleep(channel, &lock.interlock, pri, "test", limit);
  EXPECT_EQ(lock.released, 1);
  EXPECT_EQ(lock.acquired, (pri & dropping) != 0 ? 0 : 1);
  return answer;
}

char channel;

}  // namespace

// ---- wakeups ----

TEST(sleep, conformance_45_a_wakeup_ends_every_sleep_on_its_channel_with_the_mutex_held) {
  char other;
  one_sleep a(&channel);
  one_sleep b(&channel, catching);
  one_sleep apart(&other);
  await_sleepers(&channel, 2);
  await_sleepers(&other, 1);
  EXPECT_EQ(khelp_wakeup(&channel), 2u);
  a.join();
  b.join();
  EXPECT_EQ(a.answer, 0);
  EXPECT_EQ(b.answer, 0);
  EXPECT_TRUE(a.held && b.held);
  EXPECT_FALSE(apart.over);
  EXPECT_EQ(khelp_wakeup(&other), 1u);
  apart.join();
}

TEST(sleep, conformance_45_wakeup_one_takes_the_longest_sleeper) {
  one_sleep first(&channel);
  await_sleepers(&channel, 1);
  one_sleep second(&channel, catching);
  await_sleepers(&channel, 2);
  one_sleep third(&channel);
  await_sleepers(&channel, 3);
  for (one_sleep* next : {&first, &second, &third}) {
    const auto before = asleep_on(&channel);
    EXPECT_EQ(khelp_wakeup_one(&channel), 1u);
    next->join();
    EXPECT_EQ(next->answer, 0);
    EXPECT_EQ(asleep_on(&channel).size(), before.size() - 1);
  }
  EXPECT_EQ(khelp_wakeup_one(&channel), 0u);
}

TEST(sleep, a_wakeup_of_nobody_is_not_remembered) {
  EXPECT_EQ(khelp_wakeup(&channel), 0u);
  EXPECT_EQ(khelp_wakeup_one(&channel), 0u);
  EXPECT_EQ(sleep_while(
                &channel, 0, [] {}, &a_moment),
            EWOULDBLOCK);
}

TEST(sleep, a_wakeup_between_the_release_of_the_mutex_and_the_sleep_is_not_lost) {
  EXPECT_EQ(sleep_while(&channel, 0, [] { EXPECT_EQ(khelp_wakeup_one(&channel), 1u); }), 0);
  EXPECT_EQ(sleep_while(&channel, catching, [] { EXPECT_EQ(khelp_wakeup(&channel), 1u); }), 0);
}

TEST(sleep, channels_of_one_hash_are_told_apart) {
  std::vector<char> many(1 << 16);
  const char* twin = nullptr;
  for (const char& c : many) {
    if (khelp_sleep_hash(&c) == khelp_sleep_hash(&channel))
      twin = &c;
  }
  ASSERT_NE(twin, nullptr);
  one_sleep sleeper(&channel);
  await_sleepers(&channel, 1);
  EXPECT_EQ(khelp_wakeup(twin), 0u);
  EXPECT_EQ(khelp_wakeup(&channel), 1u);
  sleeper.join();
}

TEST(sleep, two_threads_hand_each_other_the_turn_and_lose_no_wakeup) {
  struct {
    khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
    int turn = 0;
  } shared;
  constexpr int rounds = 20000;
  const auto play = [&shared](int mine) {
    for (int i = 0; i < rounds; ++i) {
      khelp_mutex_lock(&shared.mutex);
      while (shared.turn != mine)
        khelp_msleep(&shared, &shared.mutex, 0, "turn", nullptr);
      shared.turn = 1 - mine;
      khelp_mutex_unlock(&shared.mutex);
      khelp_wakeup(&shared);
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();
  EXPECT_EQ(shared.turn, 0);
}

// ---- times ----

TEST(sleep, conformance_45_no_time_and_zero_time_are_for_ever) {
  one_sleep none(&channel, 0, nullptr);
  one_sleep zero(&channel, 0, &forever);
  one_sleep zero_catching(&channel, catching, &forever);
  await_sleepers(&channel, 3);
  // Sleeps with a time that began later end by it, and these are still there.
  EXPECT_EQ(sleep_while(
                &channel, 0, [] {}, &a_moment),
            EWOULDBLOCK);
  EXPECT_EQ(asleep_on(&channel).size(), 3u);
  EXPECT_EQ(khelp_wakeup(&channel), 3u);
  for (one_sleep* s : {&none, &zero, &zero_catching}) {
    s->join();
    EXPECT_EQ(s->answer, 0);
  }
}

TEST(sleep, conformance_45_a_sleep_whose_time_passes_says_ewouldblock) {
  const timespec limit{0, 20'000'000};
  for (int pri : {0, catching}) {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_MONOTONIC, &before);
    EXPECT_EQ(khelp_msleep(&channel, nullptr, pri, "test", &limit), EWOULDBLOCK);
    clock_gettime(CLOCK_MONOTONIC, &after);
    const long slept =
        (after.tv_sec - before.tv_sec) * 1'000'000'000L + after.tv_nsec - before.tv_nsec;
    EXPECT_GE(slept, limit.tv_nsec);
  }
  EXPECT_TRUE(asleep_on(&channel).empty());
}

TEST(sleep, a_sleeper_whose_time_is_over_is_not_chosen) {
  one_sleep over(&channel, 0, &a_moment);
  over.join();
  EXPECT_EQ(over.answer, EWOULDBLOCK);
  EXPECT_EQ(khelp_wakeup_one(&channel), 0u);
}

TEST(sleep, D_3_a_time_that_is_none_is_refused) {
  for (const timespec wrong : {timespec{-1, 0}, timespec{0, -1}, timespec{0, 1'000'000'000}}) {
    khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
    khelp_mutex_lock(&mutex);
    EXPECT_EQ(khelp_msleep(&channel, &mutex, 0, "test", &wrong), EINVAL);
    EXPECT_NE(khelp_mutex_held(&mutex), 0);
    EXPECT_EQ(khelp_msleep(&channel, &mutex, dropping, "test", &wrong), EINVAL);
    EXPECT_EQ(khelp_mutex_held(&mutex), 0) << "PDROP, whatever the outcome";
  }
}

TEST(sleep, centuries_are_for_ever) {
  const timespec centuries{INT64_MAX, 999'999'999};
  one_sleep sleeper(&channel, 0, &centuries);
  await_sleepers(&channel, 1);
  EXPECT_EQ(khelp_wakeup(&channel), 1u);
  sleeper.join();
  EXPECT_EQ(sleeper.answer, 0);
}

// ---- the mutex ----

TEST(sleep, conformance_45_pdrop_leaves_the_mutex_free_on_every_path) {
  handler on(SIGUSR1, 0);
  EXPECT_EQ(sleep_while(&channel, dropping, [] { khelp_wakeup(&channel); }), 0);
  EXPECT_EQ(sleep_while(
                &channel, dropping, [] {}, &a_moment),
            EWOULDBLOCK);
  EXPECT_EQ(sleep_while(&channel, dropping | catching, [] { raise(SIGUSR1); }), EINTR);
  EXPECT_EQ(sleep_while(
                &channel, dropping | catching, [] {}, &a_moment),
            EWOULDBLOCK);
  EXPECT_EQ(sleep_while(nullptr, dropping, [] {}), 0);
  EXPECT_EQ(sleep_while(
                nullptr, dropping, [] {}, &a_moment),
            EWOULDBLOCK);
  one_sleep woken(&channel, dropping);
  await_sleepers(&channel, 1);
  khelp_wakeup(&channel);
  woken.join();
  EXPECT_FALSE(woken.held);
}

TEST(sleep, conformance_45_without_a_mutex_nothing_is_released) {
  EXPECT_EQ(khelp_msleep(&channel, nullptr, 0, nullptr, &a_moment), EWOULDBLOCK);
  EXPECT_EQ(khelp_msleep(&channel, nullptr, dropping, nullptr, &a_moment), EWOULDBLOCK);
}

TEST(sleep, a_mutex_that_is_not_held_is_refused) {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  EXPECT_EQ(khelp_msleep(&channel, &mutex, 0, "test", &a_moment), EPERM);
  EXPECT_STREQ(khelp_failure_text(), "sleep: this thread does not hold the mutex");
}

TEST(sleep, the_null_channel_yields_or_waits_out_its_time_and_is_never_woken) {
  const auto before = totals();
  EXPECT_EQ(khelp_msleep(nullptr, nullptr, 0, "test", nullptr), 0);
  EXPECT_EQ(sleep_while(
                nullptr, 0, [] { EXPECT_EQ(khelp_wakeup(nullptr), 0u); }, &a_moment),
            EWOULDBLOCK);
  EXPECT_EQ(totals().sleeps, before.sleeps) << "in no queue";
}

TEST(sleep, a_mutex_knows_its_holder) {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  EXPECT_EQ(khelp_mutex_lock(&mutex), 0);
  EXPECT_EQ(khelp_mutex_lock(&mutex), EDEADLK);
  EXPECT_EQ(khelp_mutex_try_lock(&mutex), EBUSY);
  std::thread([&mutex] {
    EXPECT_EQ(khelp_mutex_held(&mutex), 0);
    EXPECT_EQ(khelp_mutex_try_lock(&mutex), EBUSY);
    EXPECT_EQ(khelp_mutex_unlock(&mutex), EPERM);
  }).join();
  EXPECT_EQ(khelp_mutex_unlock(&mutex), 0);
  EXPECT_EQ(khelp_mutex_unlock(&mutex), EPERM);
}

TEST(sleep, a_mutex_is_one_threads_at_a_time) {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  long sum = 0;
  constexpr long each = 50000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (long n = 0; n < each; ++n) {
        khelp_mutex_lock(&mutex);
        ++sum;
        khelp_mutex_unlock(&mutex);
      }
    });
  }
  for (std::thread& t : threads)
    t.join();
  EXPECT_EQ(sum, 4 * each);
}

// ---- signals ----

TEST(sleep, a_signal_ends_a_catching_sleep_as_its_handler_was_installed) {
  for (const auto& [flags, expected] : {std::pair{0, EINTR}, {SA_RESTART, KHELP_ERESTART}}) {
    handler on(SIGUSR1, flags);
    one_sleep sleeper(&channel, catching);
    await_sleepers(&channel, 1);
    watched_mutex = &sleeper.mutex;
    pthread_kill(sleeper.thread.native_handle(), SIGUSR1);
    sleeper.join();
    watched_mutex = nullptr;
    EXPECT_EQ(sleeper.answer, expected);
    EXPECT_EQ(handled, 1);
    EXPECT_FALSE(held_in_handler) << "the handler ran before the mutex was locked again";
    EXPECT_TRUE(sleeper.held);
    EXPECT_EQ(khelp_wakeup(&channel), 0u);
  }
}

TEST(sleep, a_signal_that_is_there_before_the_sleep_ends_it) {
  handler on(SIGUSR1, SA_RESTART);
  EXPECT_EQ(sleep_while(&channel, catching, [] { raise(SIGUSR1); }), KHELP_ERESTART);
  EXPECT_EQ(sleep_while(
                nullptr, catching, [] { raise(SIGUSR1); }, &a_moment),
            KHELP_ERESTART);
  EXPECT_EQ(handled, 2);
}

TEST(sleep, conformance_45_a_signal_beats_a_wakeup_which_is_used_up) {
  handler on(SIGUSR1, 0);
  const auto before = totals();
  EXPECT_EQ(sleep_while(&channel, catching,
                        [] {
                          EXPECT_EQ(khelp_wakeup_one(&channel), 1u);
                          raise(SIGUSR1);
                        }),
            EINTR);
  EXPECT_EQ(handled, 1);
  const auto after = totals();
  EXPECT_EQ(after.wakeups - before.wakeups, 1u);
  EXPECT_EQ(after.signal_won - before.signal_won, 1u);
  EXPECT_EQ(after.interrupted, before.interrupted);
}

TEST(sleep, the_lowest_of_several_signals_decides) {
  handler restarting(SIGUSR1, SA_RESTART);
  handler other(SIGUSR2, 0);
  ASSERT_LT(SIGUSR1, SIGUSR2);
  EXPECT_EQ(sleep_while(&channel, catching,
                        [] {
                          raise(SIGUSR2);
                          raise(SIGUSR1);
                        }),
            KHELP_ERESTART);
  EXPECT_EQ(handled, 2);
}

TEST(sleep, without_pcatch_a_signal_is_handled_and_the_sleep_goes_on) {
  handler on(SIGUSR1, 0);
  one_sleep sleeper(&channel);
  await_sleepers(&channel, 1);
  pthread_kill(sleeper.thread.native_handle(), SIGUSR1);
  while (handled == 0)
    sched_yield();
  EXPECT_EQ(asleep_on(&channel).size(), 1u);
  EXPECT_EQ(khelp_wakeup(&channel), 1u);
  sleeper.join();
  EXPECT_EQ(sleeper.answer, 0);
}

TEST(sleep, signals_that_are_ignored_or_blocked_end_nothing) {
  handler ignored(SIGUSR1, 0, SIG_IGN);
  handler blocked(SIGUSR2, 0);
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  EXPECT_EQ(sleep_while(
                &channel, catching,
                [] {
                  raise(SIGCHLD);
                  raise(SIGUSR1);
                  raise(SIGUSR2);
                },
                &a_moment),
            EWOULDBLOCK);
  EXPECT_EQ(handled, 0);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(handled, 1) << "what was blocked is still there";
}

TEST(sleep, a_signal_to_the_process_ends_one_sleep_and_its_thread_handles_it) {
  handler on(SIGUSR1, 0);
  one_sleep a(&channel, catching);
  one_sleep b(&channel, catching);
  await_sleepers(&channel, 2);
  sigset_t set;
  sigset_t before;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &set, &before);
  kill(getpid(), SIGUSR1);
  await_sleepers(&channel, 1);
  khelp_wakeup(&channel);
  const pthread_t threads[] = {a.thread.native_handle(), b.thread.native_handle()};
  a.join();
  b.join();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(a.answer + b.answer, EINTR) << "one of them, the other was woken";
  EXPECT_EQ(handled, 1);
  EXPECT_TRUE(pthread_equal(handled_by, threads[a.answer == EINTR ? 0 : 1]));
}

// Both may take it: the kernel wakes the thread that leaves it unblocked, and the sleeper sees it.
TEST(sleep, a_signal_to_the_process_is_handled_once_by_a_sleeper_or_by_a_thread_that_takes_it) {
  handler on(SIGUSR1, 0);
  for (int round = 1; round <= 100; ++round) {
    one_sleep asleep(&channel, catching);
    await_sleepers(&channel, 1);
    const pthread_t sleeping = asleep.thread.native_handle();
    kill(getpid(), SIGUSR1);
    while (handled != round)
      std::this_thread::yield();
    const bool by_the_sleeper = pthread_equal(handled_by, sleeping) != 0;
    if (!by_the_sleeper) {
      EXPECT_TRUE(pthread_equal(handled_by, pthread_self()));
      while (khelp_wakeup(&channel) == 0)
        std::this_thread::yield();
    }
    asleep.join();
    ASSERT_EQ(asleep.answer, by_the_sleeper ? EINTR : 0) << "round " << round;
  }
  EXPECT_EQ(handled, 100);
}

TEST(sleep, without_descriptors_signals_and_wakeups_are_found_all_the_same) {
  handler on(SIGUSR1, 0);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  one_sleep interrupted(&channel, catching);
  await_sleepers(&channel, 1);
  pthread_kill(interrupted.thread.native_handle(), SIGUSR1);
  interrupted.join();
  one_sleep woken(&channel, catching);
  await_sleepers(&channel, 1);
  khelp_wakeup(&channel);
  woken.join();
  const int timed = khelp_msleep(&channel, nullptr, catching, "test", &a_moment);
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(interrupted.answer, EINTR);
  EXPECT_EQ(woken.answer, 0);
  EXPECT_EQ(timed, EWOULDBLOCK);
}

TEST(sleep, catching_sleeps_keep_no_descriptor) {
  const int before = dup(0);
  close(before);
  for (int i = 0; i < 10; ++i)
    khelp_msleep(&channel, nullptr, catching, "test", &a_moment);
  const int after = dup(0);
  close(after);
  EXPECT_EQ(before, after);
}

// ---- threads that do not return ----

namespace {

struct cancelled_sleep {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  int pri = 0;
  bool held_in_cleanup = false;
};

void note_whether_held(void* arg) {
  auto& mine = *static_cast<cancelled_sleep*>(arg);
  mine.held_in_cleanup = khelp_mutex_held(&mine.mutex) != 0;
  khelp_mutex_unlock(&mine.mutex);
}

void* sleep_for_ever(void* arg) {
  auto& mine = *static_cast<cancelled_sleep*>(arg);
  khelp_mutex_lock(&mine.mutex);
  pthread_cleanup_push(note_whether_held, arg);
  khelp_msleep(&channel, &mine.mutex, mine.pri, "for ever", nullptr);
  pthread_cleanup_pop(1);
  return nullptr;
}

}  // namespace

TEST(sleep, a_cancelled_thread_leaves_the_queue_and_unwinds_with_the_mutex_held) {
  for (int pri : {0, catching, dropping, dropping | catching}) {
    const auto before = totals();
    cancelled_sleep sleep;
    sleep.pri = pri;
    pthread_t thread{};
    ASSERT_EQ(pthread_create(&thread, nullptr, sleep_for_ever, &sleep), 0);
    await_sleepers(&channel, 1);
    pthread_cancel(thread);
    void* result = nullptr;
    ASSERT_EQ(pthread_join(thread, &result), 0);
    EXPECT_EQ(result, PTHREAD_CANCELED);
    EXPECT_EQ(sleep.held_in_cleanup, (pri & dropping) == 0);
    EXPECT_EQ(khelp_wakeup(&channel), 0u);
    EXPECT_EQ(totals().cancelled - before.cancelled, 1u);
  }
}

TEST(sleep, an_exception_out_of_the_callers_lock_leaves_the_queue) {
  acting_lock lock{[] { throw 7; }};
  EXPECT_THROW(khelp_sleep(&channel, &lock.interlock, 0, "test", nullptr), int);
  EXPECT_EQ(khelp_wakeup(&channel), 0u);
}

TEST(sleep, an_interlock_without_functions_is_no_lock) {
  const khelp_interlock none{};
  const timespec moment{0, 1'000'000};
  for (int pri : {0, catching, dropping})
    EXPECT_EQ(khelp_sleep(&channel, &none, pri, "test", &moment), EWOULDBLOCK);
}

TEST(sleep, a_wakeup_one_that_found_a_thread_which_then_unwinds_goes_to_the_next) {
  std::unique_ptr<one_sleep> behind;
  acting_lock first{[&behind] {
    behind = std::make_unique<one_sleep>(&channel);
    await_sleepers(&channel, 2);
    EXPECT_EQ(khelp_wakeup_one(&channel), 1u);
    EXPECT_EQ(asleep_on(&channel).size(), 1u);
    throw 7;
  }};
  EXPECT_THROW(khelp_sleep(&channel, &first.interlock, 0, "test", nullptr), int);
  behind->join();
  EXPECT_EQ(behind->answer, 0);
}

TEST(sleep, the_child_of_a_fork_has_no_sleepers_and_sleeps_itself) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  one_sleep a(&channel);
  one_sleep b(&channel, catching);
  await_sleepers(&channel, 2);
  const pid_t child = fork();
  if (child == 0) {
    bool good = khelp_wakeup(&channel) == 0;
    good = good && khelp_msleep(&channel, nullptr, 0, "test", &a_moment) == EWOULDBLOCK;
    std::thread sleeper([&good] {
      good = good && khelp_msleep(&channel, nullptr, catching, "test", nullptr) == 0;
    });
    await_sleepers(&channel, 1);
    good = khelp_wakeup(&channel) == 1 && good;
    sleeper.join();
    const auto t = totals();
    good = good && t.sleeps == t.wakeups + t.timeouts + t.interrupted + t.cancelled;
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(khelp_wakeup(&channel), 2u) << "the parent's still sleep";
  a.join();
  b.join();
  EXPECT_EQ(a.answer, 0);
  EXPECT_EQ(b.answer, 0);
}

// ---- what can be seen ----

TEST(sleep, sleepers_are_listed_in_the_order_of_waking_with_their_reasons) {
  std::atomic<int> first_thread{0};
  std::thread first([&first_thread] {
    first_thread = gettid();
    khelp_msleep(&channel, nullptr, 22 | catching, "inode", nullptr);
  });
  await_sleepers(&channel, 1);
  std::thread second([] { khelp_msleep(&channel, nullptr, 0, nullptr, nullptr); });
  await_sleepers(&channel, 2);
  const auto seen = asleep_on(&channel);
  EXPECT_EQ(seen[0].why, "inode");
  EXPECT_EQ(seen[0].priority, 22);
  EXPECT_TRUE(seen[0].catches);
  EXPECT_EQ(seen[0].thread, first_thread);
  EXPECT_EQ(seen[1].why, "unknown");
  EXPECT_FALSE(seen[1].catches);
  khelp_wakeup(&channel);
  first.join();
  second.join();
}

// ---- the C++ face ----

TEST(sleep, a_cpp_queue_sleeps_with_any_lock) {
  khelp::sleep_queue queue;
  std::mutex mutex;
  int jobs = 0;
  std::thread worker([&] {
    std::unique_lock held(mutex);
    queue.sleep_until(held, [&] { return jobs == 1; }, {.why = "a job"});
    EXPECT_TRUE(held.owns_lock());
  });
  await_sleepers(&queue, 1);
  EXPECT_EQ(asleep_on(&queue)[0].why, "a job");
  {
    const std::lock_guard held(mutex);
    jobs = 1;
  }
  EXPECT_EQ(queue.wake_one(), 1u);
  worker.join();
  EXPECT_EQ(queue.wake_all(), 0u);
}

TEST(sleep, a_cpp_queues_longest_times_are_long) {
  using namespace std::chrono;
  khelp::sleep_queue queue;
  std::mutex mutex;
  std::unique_lock held(mutex);
  const auto woken = [&](auto time) {
    std::atomic<bool> over{false};
    std::thread waker([&] {
      while (!over && queue.wake_all() == 0)
        sched_yield();
    });
    const khelp::woken_by how = queue.sleep_for(held, time);
    over = true;
    waker.join();
    return how;
  };
  EXPECT_EQ(woken(hours::max()), khelp::woken_by::wakeup);
  EXPECT_EQ(woken(seconds::max()), khelp::woken_by::wakeup);
  EXPECT_EQ(woken(nanoseconds::max()), khelp::woken_by::wakeup);
  EXPECT_EQ(woken(hours(24 * 365 * 300)), khelp::woken_by::wakeup);
  EXPECT_EQ(woken(duration<double>(1e12)), khelp::woken_by::wakeup);
}

TEST(sleep, nanoseconds_are_rounded_up_and_end_where_they_can_be_counted) {
  using namespace std::chrono;
  EXPECT_EQ(khelp::saturated_ns(microseconds(-3)), -3000);
  EXPECT_EQ(khelp::saturated_ns(duration<double, std::nano>(1.25)), 2);
  EXPECT_EQ(khelp::saturated_ns(duration<std::int64_t, std::pico>(1)), 1);
  EXPECT_EQ(khelp::saturated_ns(hours(24 * 365 * 292)), 292LL * 365 * 86400 * 1'000'000'000);
  EXPECT_EQ(khelp::saturated_ns(minutes::max()), INT64_MAX);
  EXPECT_EQ(khelp::saturated_ns(minutes::min()), INT64_MIN);
  EXPECT_EQ(khelp::saturated_ns(nanoseconds::max()), INT64_MAX);
}

TEST(sleep, a_cpp_queue_tells_what_ended_a_sleep) {
  khelp::sleep_queue queue;
  std::mutex mutex;
  std::unique_lock held(mutex);
  EXPECT_EQ(queue.sleep_for(held, std::chrono::microseconds(10)), khelp::woken_by::timeout);
  EXPECT_EQ(queue.sleep_for(held, std::chrono::seconds(-1)), khelp::woken_by::timeout);
  EXPECT_EQ(queue.sleep_for(held, std::chrono::hours::min()), khelp::woken_by::timeout);
  for (const auto& [flags, expected] :
       {std::pair{0, khelp::woken_by::signal}, {SA_RESTART, khelp::woken_by::restart}}) {
    handler on(SIGUSR1, flags);
    const pthread_t me = pthread_self();
    std::thread sender([&] {
      await_sleepers(&queue, 1);
      pthread_kill(me, SIGUSR1);
    });
    EXPECT_EQ(queue.sleep(held, {.interruptible = true}), expected);
    EXPECT_TRUE(held.owns_lock());
    sender.join();
  }
}
