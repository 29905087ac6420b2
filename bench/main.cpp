/// khelp_bench count: run each operation between callgrind's marks.
/// khelp_bench threads: what several threads do to each other (threads.cpp, sleeping.cpp).
/// khelp_bench time:  print a line "name TAB ns" per operation, the median of many short samples.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <sched.h>
#include <valgrind/callgrind.h>
#include <vector>

#include "operations.hpp"
#include "sleeping.hpp"
#include "threads.hpp"

namespace {

constexpr long counted = 10000;
constexpr long timed = 50000;
constexpr int samples = 61;

void prepare(const operation& op) {
  if (op.prepare != nullptr)
    op.prepare();
  op.run(100);
}

void count() {
  for (const operation& op : operations()) {
    prepare(op);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    op.run(counted);
    CALLGRIND_STOP_INSTRUMENTATION;
    CALLGRIND_DUMP_STATS_AT(op.name);
  }
  std::printf("%ld\n", counted);
}

// Round after round over all operations, so that what disturbs the machine disturbs all.
void time() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  std::vector<std::vector<double>> took(operations().size());
  for (int sample = 0; sample < samples; ++sample) {
    for (std::size_t i = 0; i < took.size(); ++i) {
      const operation& op = operations()[i];
      prepare(op);
      const auto start = std::chrono::steady_clock::now();
      op.run(timed);
      const std::chrono::duration<double, std::nano> spent =
          std::chrono::steady_clock::now() - start;
      took[i].push_back(spent.count() / timed);
    }
  }
  for (std::size_t i = 0; i < took.size(); ++i) {
    std::nth_element(took[i].begin(), took[i].begin() + samples / 2, took[i].end());
    std::printf("%s\t%.3f\n", operations()[i].name, took[i][samples / 2]);
  }
}

void list() {
  for (const operation& op : operations())
    std::printf("%s\t%d\t%s\t%.2f\n", op.name, op.instructions, op.beside ? op.beside : "",
                op.ratio);
}

}  // namespace

int main(int argc, char** argv) {
  const char* verb = argc == 2 ? argv[1] : "";
  if (std::strcmp(verb, "list") == 0) {
    list();
    return 0;
  }
  set_up();
  if (std::strcmp(verb, "count") == 0)
    count();
  else if (std::strcmp(verb, "time") == 0)
    time();
  else if (std::strcmp(verb, "threads") == 0) {
    measure_threads();
    measure_sleeping();
  } else
    return 2;
  return 0;
}
