/// khelp_bench list                 what there is to measure
/// khelp_bench build                by which compiler and flags
/// khelp_bench count ROLE WHICH…    print how often a loop turns, and run the loops of these sections
///                                  between callgrind's marks
/// khelp_bench time WHICH…          print a line "section TAB name TAB figure TAB ratio" for each row;
///                                  the ratio is to the section's limit
///
/// WHICH: a section, or "section TAB name", a row to leave out. No section: all. ROLE: "ours" or
/// "all".
///
/// A row that cannot be measured ends the program. Its line has no figure, its words are on the
/// standard error stream; whoever called may ask again without it.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <semaphore>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
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

class wanted_rows {
 public:
  explicit wanted_rows(std::span<char*> words) {
    for (const std::string_view word : words)
      (word.find('\t') == word.npos ? sections_ : left_out_).push_back(word);
  }
  bool has(const row& one) const {
    return (sections_.empty() || is_in(sections_, one.section)) &&
           !is_in(left_out_, std::string(one.section) + '\t' + one.name);
  }

 private:
  static bool is_in(const std::vector<std::string_view>& words, std::string_view word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  }
  std::vector<std::string_view> sections_, left_out_;
};

// The row that is being measured.
const row* current = nullptr;

void say_where_it_ended() {
  if (current != nullptr)
    std::printf("%s\t%s\t\t\n", current->section, current->name);
}

// A row may do anything: what it breaks is not worse than not to say which it was.
void ended_by(int signal) {
  std::fprintf(stderr, "ended by the signal %s\n", strsignal(signal));
  say_where_it_ended();
  std::fflush(stdout);
  _exit(1);
}

void say_when_a_row_ends_the_program() {
  std::atexit(say_where_it_ended);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP})
    std::signal(signal, ended_by);
}

void prepare(const row& one) {
  current = &one;
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

void count(std::string_view who, const wanted_rows& wanted) {
  std::printf("%ld\n", counted);
  for (const row& one : all_rows()) {
    if (one.loop == nullptr || !wanted.has(one) || (who == "ours" && one.is != role::ours))
      continue;
    prepare(one);
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    one.loop(counted);
    CALLGRIND_STOP_INSTRUMENTATION;
    const std::string label = std::string(one.section) + '\t' + one.name;
    CALLGRIND_DUMP_STATS_AT(label.c_str());
  }
  current = nullptr;
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
  current = nullptr;
  const auto limit = std::find_if(rows.begin(), rows.end(),
                                  [](const timed_row& one) { return one.what->is == role::limit; });
  for (const timed_row& one : rows) {
    std::printf("%s\t%s\t%.4f\t", one.what->section, one.what->name,
                percentile(one.figures, one.what->worst ? 1 : 0.5));
    if (limit != rows.end())
      std::printf("%.4f", ratio_in_the_middle(one, *limit));
    std::putchar('\n');
  }
  std::fflush(stdout);
}

void time(const wanted_rows& wanted) {
  std::vector<std::string_view> done;
  for (const row& one : all_rows()) {
    if (!wanted.has(one) || std::find(done.begin(), done.end(), one.section) != done.end())
      continue;
    done.push_back(one.section);
    std::vector<timed_row> rows;
    for (const row& other : all_rows()) {
      if (other.section == done.back() && wanted.has(other)) {
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
  say_when_a_row_ends_the_program();
  int status = 0;
  if (verb == "list")
    list();
  else if (verb == "build")
    std::puts(KHELP_BENCH_BUILD);
  else if (verb == "count" && arguments.size() > 1)
    count(arguments[1], wanted_rows(arguments.subspan(2)));
  else if (verb == "time")
    time(wanted_rows(arguments.subspan(1)));
  else
    status = 2;
  end.release();
  return status;
}
