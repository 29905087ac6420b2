#include "sleeping.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/sleep.h>

namespace {

constexpr int rounds = 3000;
constexpr int samples = 15;

void pin(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

// The limit: two threads, each asleep until the word says that it is its turn.
struct bare_table {
  std::atomic<std::uint32_t> turn{0};

  void await(std::uint32_t mine) {
    while (turn.load(std::memory_order_acquire) != mine)
      syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, 1 - mine, nullptr, nullptr, 0);
  }
  void pass(std::uint32_t mine) {
    turn.store(1 - mine, std::memory_order_release);
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
};

struct khelp_table {
  khelp_mutex mutex = KHELP_MUTEX_INITIALIZER;
  std::uint32_t turn = 0;

  void await(std::uint32_t mine) {
    khelp_mutex_lock(&mutex);
    while (turn != mine)
      khelp_msleep(this, &mutex, 0, "turn", nullptr);
    khelp_mutex_unlock(&mutex);
  }
  void pass(std::uint32_t mine) {
    khelp_mutex_lock(&mutex);
    turn = 1 - mine;
    khelp_mutex_unlock(&mutex);
    khelp_wakeup_one(this);
  }
};

// Microseconds for the turn to go away and come back.
template <class Table>
double round_trip(unsigned other_cpu) {
  Table table;
  std::jthread other([&] {
    pin(other_cpu);
    for (int i = 0; i < rounds; ++i) {
      table.await(1);
      table.pass(1);
    }
  });
  pin(0);
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    table.await(0);
    table.pass(0);
  }
  table.await(0);
  const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - began;
  return spent.count() / rounds;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + samples / 2, values.end());
  return values[samples / 2];
}

// Sample by sample in turn, so that what disturbs the machine disturbs both.
void compare(const char* where, unsigned other_cpu, const char* limit) {
  std::vector<double> bare;
  std::vector<double> ours;
  std::vector<double> ratios;
  for (int i = 0; i < samples; ++i) {
    bare.push_back(round_trip<bare_table>(other_cpu));
    ours.push_back(round_trip<khelp_table>(other_cpu));
    ratios.push_back(ours.back() / bare.back());
  }
  std::printf("sleep and wakeup, %s, futex\t%.2f\t\tus\n", where, median(bare));
  std::printf("sleep and wakeup, %s\t%.2f\t\tus\n", where, median(ours));
  std::printf("sleep and wakeup, %s, of a futex\t%.2f\t%s\tx\n", where, median(ratios), limit);
}

}  // namespace

void measure_sleeping() {
  std::jthread([] {  // its CPU is its own
    compare("one CPU", 0, "<=1.10");
    if (std::thread::hardware_concurrency() > 1)
      compare("two CPUs", 1, "<=0.10");
  })
      .join();
}
