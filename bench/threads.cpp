#include "threads.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "operations.hpp"

namespace {

using steady = std::chrono::steady_clock;
constexpr long chunk = 20000;

double microseconds_since(steady::time_point start) {
  return std::chrono::duration<double, std::micro>(steady::now() - start).count();
}

double percentile(std::vector<double> values, double part) {
  const auto at = values.begin() + static_cast<long>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double median(const std::vector<double>& values) {
  return percentile(values, 0.5);
}

void pin(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

void (*loop_of(const char* name))(long) {
  for (const operation& op : operations()) {
    if (std::strcmp(op.name, name) == 0)
      return op.run;
  }
  return nullptr;
}

// Chunks per microsecond of `threads` threads that start together.
double throughput(void (*run)(long), unsigned threads) {
  constexpr int chunks = 100;
  std::vector<double> each(threads);
  std::barrier start(threads);
  {
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        pin(t);
        run(100);
        start.arrive_and_wait();
        const auto began = steady::now();
        for (int i = 0; i < chunks; ++i)
          run(chunk);
        each[t] = chunks / microseconds_since(began);
      });
    }
  }
  double sum = 0;
  for (double one : each)
    sum += one;
  return sum;
}

double scaling(void (*run)(long)) {
  std::vector<double> rounds;
  for (int i = 0; i < 11; ++i) {
    const double alone = throughput(run, 1);
    rounds.push_back(throughput(run, 2) / alone);
  }
  return median(rounds);
}

// A thread that runs the point without pause while `during` runs here. Returns its chunks per
// microsecond.
double beside_a_runner(const std::function<void()>& during) {
  std::atomic<bool> running{false};
  std::atomic<bool> enough{false};
  double rate = 0;
  {
    std::jthread runner([&] {
      void (*run)(long) = loop_of("1 hook");
      pin(1);
      run(100);
      running = true;
      const auto began = steady::now();
      long chunks = 0;
      for (; !enough; ++chunks)
        run(chunk);
      rate = static_cast<double>(chunks) / microseconds_since(began);
    });
    pin(0);
    while (!running)
      std::this_thread::yield();
    during();
    enough = true;
  }
  return rate;
}

double disturbed() {
  const auto for_a_while = [](bool removing) {
    return [removing] {
      for (int i = 0; i < 20; ++i) {
        if (removing) {
          add_another();
          remove_another();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    };
  };
  std::vector<double> rounds;
  for (int i = 0; i < 7; ++i) {
    const double quiet = beside_a_runner(for_a_while(false));
    rounds.push_back(beside_a_runner(for_a_while(true)) / quiet);
  }
  return median(rounds);
}

void removal() {
  std::vector<double> removals;
  std::vector<double> barriers;
  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  beside_a_runner([&] {
    for (int i = 0; i < 2000; ++i) {
      add_another();
      auto began = steady::now();
      remove_another();
      removals.push_back(microseconds_since(began));
      began = steady::now();
      syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
      barriers.push_back(microseconds_since(began));
    }
  });
  std::printf("one membarrier\t%.2f\t\tus\n", median(barriers));
  std::printf("remove, reader running\t%.2f\t\tus\n", median(removals));
  std::printf("remove, reader running, of a membarrier\t%.2f\t<=1.30\tx\n",
              median(removals) / median(barriers));
  std::printf("remove, reader running, worst of 2000\t%.0f\t<=10000\tus\n",
              percentile(removals, 1.0));
}

}  // namespace

void measure_threads() {
  const double bare = scaling(loop_of("bare array, 1 callback"));
  const double ours = scaling(loop_of("1 hook"));
  std::printf("bare array, 2 threads of 1\t%.2f\t\tx\n", bare);
  std::printf("1 hook, 2 threads of 1\t%.2f\t\tx\n", ours);
  std::printf("1 hook's scaling of the bare array's\t%.2f\t>=0.90\tx\n", ours / bare);
  std::printf("runner's throughput under 100 removals/s\t%.2f\t>=0.95\tx\n", disturbed());
  removal();
}
