/// What the programs of scale share. Each prints lines "name TAB value TAB limit TAB unit TAB role", the
/// limit with its sense (">=0.90"), or nothing where a figure is only shown.
#pragma once

#include <fstream>

#include "runner.hpp"

inline void figure(const char* name, double value, const char* limit, const char* unit,
                   const char* role = "ours") {
  std::printf("%s\t%.2f\t%s\t%s\t%s\n", name, value, limit, unit, role);
  std::fflush(stdout);
}
/// The bare mechanism's.
inline void limit_figure(const char* name, double value, const char* unit) {
  figure(name, value, "", unit, "limit");
}

/// What `work` takes on the wall, in nanoseconds, without what other programs took of this CPU.
template <class Work>
double wall_ns(Work work) {
  const cpu_queue queue;
  const auto began = steady::now();
  work();
  const double took = microseconds_since(began);
  return (took - queue.waited()) * 1000;
}

/// What `work` takes of this thread's CPU, the kernel's work for it included: where only one thread
/// is concerned, others on the machine do not count.
template <class Work>
double cpu_ns(Work work) {
  const double began = cpu_time(pthread_self());
  work();
  return (cpu_time(pthread_self()) - began) * 1000;
}

/// What of the process's memory has pages.
inline double resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  double total = 0;
  double resident = 0;
  statm >> total >> resident;
  return resident * 4096;
}
