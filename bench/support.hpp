/// What every measurement needs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <thread>
#include <vector>

#include <khelp/error.h>

using steady = std::chrono::steady_clock;

inline double microseconds_since(steady::time_point start) {
  return std::chrono::duration<double, std::micro>(steady::now() - start).count();
}

inline double percentile(std::vector<double> values, double part) {
  const auto at = values.begin() + static_cast<long>(part * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

inline double median(std::vector<double> values) {
  return percentile(std::move(values), 0.5);
}

/// This thread stays on one CPU; on a machine with fewer, several share.
inline void pin(unsigned cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu % std::thread::hardware_concurrency(), &one);
  sched_setaffinity(0, sizeof one, &one);
}

/// The compiler believes that the value is used and that any memory has changed.
template <class T>
void keep(T&& value) {
  asm volatile("" : : "r"(value) : "memory");
}

inline void must(int error, const char* what) {
  if (error == 0)
    return;
  std::fprintf(stderr, "bench: %s: %s\n", what, khelp_failure_text());
  std::exit(1);
}

/// `n` times `...`, in a loop of 3 instructions.
#define BENCH_LOOP(n, ...)         \
  for (long i = 0; i < (n); ++i) { \
    asm volatile("" ::: "memory"); \
    __VA_ARGS__;                   \
  }
