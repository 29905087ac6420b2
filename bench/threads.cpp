#include "threads.hpp"

#include <atomic>
#include <barrier>
#include <thread>

#include "running_time.hpp"
#include "support.hpp"

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

// A thread that runs without pause.
class runner {
 public:
  explicit runner(void (*loop)(long)) : thread_([this, loop] { run(loop); }) { await_progress(); }
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;
  ~runner() {
    enough_ = true;
    thread_.join();
  }

  // Until it has run for a while from now on, and so is not waiting for a CPU.
  void await_progress() const {
    const long seen = chunks_;
    while (chunks_ < seen + 2)
      asm volatile("pause");
  }
  double waited_for_a_cpu() const { return queue_.load()->waited(); }
  // Chunks per microsecond of its CPU time, in ten milliseconds that begin with a change. (It never
  // sleeps: what is not its CPU time, other programs took.)
  template <class Change>
  double rate_during(Change change) {
    const long before = chunks_;
    const double began = cpu_time(thread_.native_handle());
    change();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    await_progress();
    return static_cast<double>(chunks_ - before) / (cpu_time(thread_.native_handle()) - began);
  }

 private:
  void run(void (*loop)(long)) {
    pin(1);
    loop(100);
    const cpu_queue queue;
    queue_ = &queue;
    for (; !enough_; ++chunks_)
      loop(chunk);
  }

  std::atomic<const cpu_queue*> queue_{nullptr};  // set before chunks_ counts
  std::atomic<long> chunks_{0};
  std::atomic<bool> enough_{false};
  std::thread thread_;
};

}  // namespace

double scaling(void (*loop)(long)) {
  const double alone = (throughput(loop, {0}) + throughput(loop, {1})) / 2;
  return throughput(loop, {0, 1}) / alone;
}

std::vector<double> removal_times(const busy_place& place) {
  std::vector<double> times;
  const runner beside(place.loop);
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
  runner beside(place.loop);
  std::vector<double> parts;
  for (int i = 0; i < 10; ++i) {
    const double quiet = beside.rate_during([] {});
    parts.push_back(beside.rate_during([&] {
      place.add();
      place.remove();
    }) / quiet);
  }
  return median(parts);
}
