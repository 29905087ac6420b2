/// A thread that works without pause, and what others cost it.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "running_time.hpp"
#include "support.hpp"

/// A thread on the second CPU that calls `work` without pause, until it goes out of scope.
class runner {
 public:
  explicit runner(std::function<void()> work)
      : thread_([this, work = std::move(work)] { run(work); }) {
    await_progress();
  }
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner() {
    enough_ = true;
    thread_.join();
  }

  /// How often it has.
  long done() const { return done_; }
  /// Until it has run for a while from now on, and so is not waiting for a CPU.
  void await_progress() const {
    const long seen = done_;
    while (done_ < seen + 2)
      asm volatile("pause");
  }
  double waited_for_a_cpu() const { return queue_.load()->waited(); }

  /// Its calls per microsecond of its CPU time while `during` goes on here. (It never sleeps: what
  /// is not its CPU time, other programs took.)
  template <class During>
  double rate(During during) {
    const long before = done_;
    const double began = cpu_time(thread_.native_handle());
    during();
    await_progress();
    return static_cast<double>(done_ - before) / (cpu_time(thread_.native_handle()) - began);
  }

  /// What is left of that, compared with doing nothing for so long: the median of pairs in turn.
  template <class During>
  double keeps(During during, std::chrono::milliseconds nothing, int pairs) {
    std::vector<double> kept;
    for (int i = 0; i < pairs; ++i) {
      const double quiet = rate([=] { std::this_thread::sleep_for(nothing); });
      kept.push_back(rate(during) / quiet);
    }
    return median(std::move(kept));
  }

 private:
  void run(const std::function<void()>& work) {
    pin(1);
    const cpu_queue queue;
    queue_ = &queue;
    for (; !enough_; ++done_)
      work();
  }

  std::atomic<const cpu_queue*> queue_{nullptr};  // set before done_ counts
  std::atomic<long> done_{0};
  std::atomic<bool> enough_{false};
  std::thread thread_;
};
