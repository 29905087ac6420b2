/// khelp_bench list                  what there is to measure
/// khelp_bench build                 by which compiler and flags
/// khelp_bench count ROLE SECTION…   run the loops of these sections between callgrind's marks
/// khelp_bench time SECTION…         print a line "section TAB name TAB figure TAB ratio" for each row;
///                                   the ratio is to the section's limit
///
/// No section: all. ROLE: "ours" or "all".
#include <cstdio>
#include <cstring>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <valgrind/callgrind.h>
#include <vector>

#include "row.hpp"
#include "running_time.hpp"
#include "support.hpp"

namespace {

constexpr long counted = 10000;
constexpr double sample_us = 500;
constexpr double section_us = 1500000;
constexpr std::size_t samples = 41;

bool is_wanted(const row& one, std::span<char*> sections) {
  return sections.empty() || std::find_if(sections.begin(), sections.end(), [&](const char* name) {
                               return std::strcmp(name, one.section) == 0;
                             }) != sections.end();
}

void prepare(const row& one) {
  if (one.prepare != nullptr)
    one.prepare();
  if (one.loop != nullptr)
    one.loop(100);
}

void list() {
  constexpr const char* roles[] = {"limit", "ours", "peer"};
  for (const row& one : all_rows())
    std::printf("%s\t%s\t%s\t%s\t%s\n", one.section, one.name, roles[static_cast<int>(one.is)],
                one.remark, one.unit);
}

void count(std::string_view who, std::span<char*> sections) {
  for (const row& one : all_rows()) {
    if (one.loop == nullptr || !is_wanted(one, sections) || (who == "ours" && one.is != role::ours))
      continue;
    prepare(one);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    one.loop(counted);
    CALLGRIND_STOP_INSTRUMENTATION;
    const std::string label = std::string(one.section) + '\t' + one.name;
    CALLGRIND_DUMP_STATS_AT(label.c_str());
  }
  std::printf("%ld\n", counted);
}

// A row, and how often its loop turns for a sample.
struct timed_row {
  const row* what;
  long turns;
  std::vector<double> figures;

  double sample() const {
    prepare(*what);
    if (what->loop == nullptr)
      return what->sample();
    const double start = cpu_time(pthread_self());
    what->loop(turns);
    return (cpu_time(pthread_self()) - start) * 1000 / static_cast<double>(turns);
  }
};

long turns_of(const row& one) {
  if (one.loop == nullptr)
    return 0;
  constexpr long tried = 1000;
  const double ns = timed_row{&one, tried, {}}.sample();
  return std::max(tried, static_cast<long>(sample_us * 1000 / ns) / 100 * 100);
}

// The median of the ratios of samples taken side by side: the machine may change meanwhile.
double ratio_in_the_middle(const timed_row& one, const timed_row& limit) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < one.figures.size(); ++i)
    ratios.push_back(one.figures[i] / limit.figures[i]);
  return median(std::move(ratios));
}

// Sample by sample in turn, so that what disturbs the machine disturbs all rows of the section.
void time_section(std::vector<timed_row> rows) {
  const auto start = steady::now();
  for (std::size_t i = 0; i < samples && (i < 3 || microseconds_since(start) < section_us); ++i) {
    for (timed_row& one : rows)
      one.figures.push_back(one.sample());
  }
  const auto limit = std::find_if(rows.begin(), rows.end(),
                                  [](const timed_row& one) { return one.what->is == role::limit; });
  for (const timed_row& one : rows) {
    std::printf("%s\t%s\t%.4f\t", one.what->section, one.what->name,
                percentile(one.figures, one.what->worst ? 1 : 0.5));
    if (limit != rows.end())
      std::printf("%.4f", ratio_in_the_middle(one, *limit));
    std::putchar('\n');
  }
}

void time(std::span<char*> sections) {
  std::vector<std::string_view> done;
  for (const row& one : all_rows()) {
    if (!is_wanted(one, sections) || std::find(done.begin(), done.end(), one.section) != done.end())
      continue;
    done.push_back(one.section);
    std::vector<timed_row> rows;
    for (const row& other : all_rows()) {
      if (other.section == done.back()) {
        prepare(other);
        rows.push_back({&other, turns_of(other), {}});
      }
    }
    time_section(std::move(rows));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv + 1, argv + argc);
  const std::string_view verb = arguments.empty() ? "" : arguments[0];
  // With one thread, the standard library leaves its locks open.
  std::binary_semaphore end(0);
  const std::jthread second([&] { end.acquire(); });
  pin(0);
  int status = 0;
  if (verb == "list")
    list();
  else if (verb == "build")
    std::puts(KHELP_BENCH_BUILD);
  else if (verb == "count" && arguments.size() > 1)
    count(arguments[1], arguments.subspan(2));
  else if (verb == "time")
    time(arguments.subspan(1));
  else
    status = 2;
  end.release();
  return status;
}
