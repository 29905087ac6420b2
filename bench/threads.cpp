#include "threads.hpp"

#include <atomic>
#include <barrier>
#include <thread>

#include "support.hpp"

namespace {

constexpr long chunk = 1000;
constexpr int removals = 200;

// Chunks per microsecond of `threads` threads that start together.
double throughput(void (*loop)(long), unsigned threads) {
  constexpr double enough = 2000;  // microseconds
  std::vector<double> each(threads);
  std::barrier start(threads);
  {
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        pin(t);
        loop(100);
        start.arrive_and_wait();
        const auto began = steady::now();
        long chunks = 0;
        for (; microseconds_since(began) < enough; ++chunks)
          loop(chunk);
        each[t] = static_cast<double>(chunks) / microseconds_since(began);
      });
    }
  }
  double sum = 0;
  for (double one : each)
    sum += one;
  return sum;
}

// A thread that runs without pause while `during` runs here. Returns its chunks per microsecond.
template <class During>
double beside_a_runner(void (*loop)(long), During during) {
  std::atomic<bool> running{false};
  std::atomic<bool> enough{false};
  double rate = 0;
  {
    std::jthread runner([&] {
      pin(1);
      loop(100);
      running = true;
      const auto began = steady::now();
      long chunks = 0;
      for (; !enough; ++chunks)
        loop(chunk);
      rate = static_cast<double>(chunks) / microseconds_since(began);
    });
    while (!running)
      std::this_thread::yield();
    during();
    enough = true;
  }
  return rate;
}

// A tenth of a second, ten times a pause and a change.
template <class Change>
double rate_beside(void (*loop)(long), Change change) {
  return beside_a_runner(loop, [&] {
    for (int i = 0; i < 10; ++i) {
      change();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
}

}  // namespace

double scaling(void (*loop)(long)) {
  const double alone = throughput(loop, 1);
  return throughput(loop, 2) / alone;
}

std::vector<double> removal_times(const busy_place& place) {
  std::vector<double> times;
  beside_a_runner(place.loop, [&] {
    for (int i = 0; i < removals; ++i) {
      place.add();
      const auto began = steady::now();
      place.remove();
      times.push_back(microseconds_since(began));
    }
  });
  return times;
}

double undisturbed_part(const busy_place& place) {
  const double quiet = rate_beside(place.loop, [] {});
  return rate_beside(place.loop,
                     [&] {
                       place.add();
                       place.remove();
                     }) /
         quiet;
}
