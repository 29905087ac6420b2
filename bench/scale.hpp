/// What the programs of scale share. Each prints lines "name TAB value TAB limit TAB unit", as
/// threads.hpp says.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <sched.h>
#include <thread>
#include <vector>

#include <khelp/error.h>

namespace scale {

using steady = std::chrono::steady_clock;

inline void must(int error, const char* what) {
  if (error == 0)
    return;
  std::fprintf(stderr, "scale: %s: %s\n", what, khelp_failure_text());
  std::exit(1);
}

inline void figure(const char* name, double value, const char* limit, const char* unit) {
  std::printf("%s\t%.2f\t%s\t%s\n", name, value, limit, unit);
  std::fflush(stdout);
}

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

inline void pin(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

/// What `work` takes on the wall, in nanoseconds.
template <class Work>
double wall_ns(Work work) {
  const auto began = steady::now();
  work();
  return std::chrono::duration<double, std::nano>(steady::now() - began).count();
}

/// What `work` takes of this thread's CPU, the kernel's work for it included: where only one thread
/// is concerned, others on the machine do not count.
template <class Work>
double cpu_ns(Work work) {
  const auto now = [] {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
  };
  const double began = now();
  work();
  return now() - began;
}

/// A thread on the second CPU that calls `work` without pause. How often it has, anybody may ask.
class runner {
 public:
  explicit runner(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          pin(1);
          while (!enough_.load(std::memory_order_relaxed)) {
            work();
            done_.store(done_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
          }
        }) {
    while (done() == 0)
      std::this_thread::yield();
  }
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner() {
    enough_ = true;
    thread_.join();
  }

  long done() const { return done_.load(std::memory_order_relaxed); }

  /// Its calls per nanosecond while `during` goes on here.
  template <class During>
  double rate(During during) const {
    const long before = done();
    const double ns = wall_ns(during);
    return static_cast<double>(done() - before) / ns;
  }

  /// What is left of that, compared with doing nothing: the median of pairs in turn.
  template <class During>
  double keeps(During during, int pairs = 9) const {
    std::vector<double> kept;
    for (int i = 0; i < pairs; ++i) {
      const double quiet =
          rate([] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); });
      kept.push_back(rate(during) / quiet);
    }
    return median(kept);
  }

 private:
  std::atomic<long> done_{0};
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

}  // namespace scale
