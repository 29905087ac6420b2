/// A thread's time, without what the machine's other programs take from it.
#pragma once

#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <string>
#include <unistd.h>

#include "support.hpp"

/// Microseconds that a thread was on a CPU.
inline double cpu_time(pthread_t thread) {
  clockid_t clock;
  timespec now;
  must(pthread_getcpuclockid(thread, &clock), "pthread_getcpuclockid");
  must(clock_gettime(clock, &now), "clock_gettime");
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

/// The queue for a CPU, as the thread that made it meets it: while other programs run, a thread may
/// be ready, but not running. Time asleep, at a lock for example, is not meant.
class cpu_queue {
 public:
  cpu_queue()
      : file_(open(("/proc/self/task/" + std::to_string(gettid()) + "/schedstat").c_str(),
                   O_RDONLY | O_CLOEXEC)),
        at_first_(total()) {}
  cpu_queue(const cpu_queue&) = delete;
  cpu_queue& operator=(const cpu_queue&) = delete;
  ~cpu_queue() {
    if (file_ >= 0)
      close(file_);
  }

  /// Microseconds so far, 0 where the kernel does not tell. Any thread may ask.
  double waited() const { return total() - at_first_; }

 private:
  double total() const {
    char text[128] = {};
    unsigned long long ran = 0, waited = 0;
    if (file_ < 0 || pread(file_, text, sizeof text - 1, 0) <= 0 ||
        std::sscanf(text, "%llu %llu", &ran, &waited) != 2)
      return 0;
    return static_cast<double>(waited) / 1000;
  }

  int file_;
  double at_first_;
};
