#include "threads.hpp"

#include <atomic>
#include <barrier>
#include <thread>

#include "runner.hpp"

namespace {

constexpr long chunk = 300;
constexpr int removals = 200;
// Microseconds that the machine's other programs have a CPU for, at least.
constexpr double others_turn = 50;

// Chunks per microsecond of threads on these CPUs that start together.
double throughput(void (*loop)(long), std::initializer_list<unsigned> cpus) {
  constexpr double enough = 2000;  // microseconds
  std::atomic<double> sum{0};
  std::barrier start(static_cast<std::ptrdiff_t>(cpus.size()));
  std::vector<std::jthread> workers;
  for (const unsigned cpu : cpus) {
    workers.emplace_back([&, cpu] {
      pin(cpu);
      loop(100);
      start.arrive_and_wait();
      const cpu_queue queue;
      const auto began = steady::now();
      long chunks = 0;
      for (; microseconds_since(began) < enough; ++chunks)
        loop(chunk);
      sum += static_cast<double>(chunks) / (microseconds_since(began) - queue.waited());
    });
  }
  workers.clear();
  return sum;
}

auto chunks_of(void (*loop)(long)) {
  return [loop] { loop(chunk); };
}

}  // namespace

double scaling(void (*loop)(long)) {
  const double alone = (throughput(loop, {0}) + throughput(loop, {1})) / 2;
  return throughput(loop, {0, 1}) / alone;
}

std::vector<double> removal_times(const busy_place& place) {
  std::vector<double> times;
  const runner beside(chunks_of(place.loop));
  const cpu_queue queue;
  const auto waited = [&] { return queue.waited() + beside.waited_for_a_cpu(); };
  for (int i = 0; i < removals; ++i) {
    place.add();
    const double before = waited();
    beside.await_progress();
    const auto began = steady::now();
    place.remove();
    const double took = microseconds_since(began);
    times.push_back(took < others_turn ? took : std::max(others_turn, took - (waited() - before)));
  }
  return times;
}

double undisturbed_part(const busy_place& place) {
  constexpr std::chrono::milliseconds pause(10);
  runner beside(chunks_of(place.loop));
  return beside.keeps(
      [&] {
        place.add();
        place.remove();
        std::this_thread::sleep_for(pause);
      },
      pause, 10);
}
