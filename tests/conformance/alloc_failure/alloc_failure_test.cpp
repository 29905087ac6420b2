// Every function that libkhelp.so exports, with the n-th allocation failing, for every n: the
// documented error, nothing leaked, nothing half done, and the same call then succeeds.
//
// Each attempt has a child of a fork to itself: `cold`, where the library has done nothing yet (its
// registries, the thread's record and caches are made by the call), and `warm`, after the same call
// has succeeded and been undone once. A new export without a row here fails.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <khelp/khelp.h>
#include <khelp/malloc.h>
#include <khelp/osd.h>
#include <khelp/stats.h>
#include <khelp/uma.h>

#include "alloc_failing.hpp"
#include "row.hpp"

namespace {

using namespace alloc;

// ---- the rows ----

const std::vector<row>& rows() {
  static const std::vector<row> all = [] {
    std::vector<row> found;
    for (auto rows_of :
         {rows_of_points, rows_of_filters_and_lists, rows_of_helpers, rows_of_object_data_and_zones,
          rows_of_memory_and_sleep, rows_of_instances, rows_of_statistics_and_loading}) {
      const std::vector<row> some = rows_of();
      found.insert(found.end(), some.begin(), some.end());
    }
    return found;
  }();
  return all;
}

// ---- what there is: helpers, hooks, how many objects hold what ----

std::string what_there_is() {
  std::string words;
  demand(khelp_stats_helpers(
             [](void* arg, const khelp_helper_stat* stat) {
               *static_cast<std::string*>(arg) += std::string(stat->name) + " state " +
                                                  std::to_string(stat->state) + " holds " +
                                                  std::to_string(stat->attached) + "; ";
             },
             &words) == 0,
         "statistics of helpers");
  demand(khelp_stats_hooks(
             [](void* arg, const khelp_hook_stat* stat) {
               *static_cast<std::string*>(arg) += std::to_string(stat->type) + "/" +
                                                  std::to_string(stat->id) + " " + stat->helper +
                                                  " state " + std::to_string(stat->state) + " at " +
                                                  std::to_string(stat->position) + "; ";
             },
             &words) == 0,
         "statistics of hooks");
  demand(khelp_uma_stats(
             [](void* arg, const khelp_uma_stat* stat) {
               if (std::strcmp(stat->name, "a_helper") == 0)
                 *static_cast<std::string*>(arg) += "items " + std::to_string(stat->used) + "; ";
             },
             &words) == 0,
         "statistics of zones");
  return words;
}

[[noreturn]] void attempt(const row& r, unsigned n, alloc::failing which, bool warm) {
  std::string before;
  std::string after;
  before.reserve(4096);
  after.reserve(4096);
  if (warm) {
    // The thread's words have their place once something was refused.
    demand(khelp_osd_call(99, 0, nullptr, nullptr) == EINVAL, "a refusal");
    for (int i = 0; i < 2; ++i) {
      r.setup();
      demand(r.call() == 0, "the call succeeds");
      before = what_there_is();
      r.undo();
    }
  }
  const long empty = alloc::live();
  r.setup();
  if (warm)
    before = what_there_is();
  alloc::fail(n, which);
  const int answer = r.call();
  const unsigned failed = alloc::disarm();
  if (answer != 0) {
    demand(std::find(r.errors.begin(), r.errors.end(), answer) != r.errors.end(),
           answer == silent ? "it says that it failed" : "it answers a documented error");
    demand(failed != 0, "it succeeds when nothing fails");
    if (warm) {
      after = what_there_is();
      if (after != before)
        std::fprintf(stderr, "  before: %s\n  after:  %s\n", before.c_str(), after.c_str());
      demand(after == before, "everything is as it was");
    }
    demand(r.call() == 0, "the same call succeeds when there is memory");
  }
  r.undo();
  if (warm && r.stays == nullptr && alloc::live() != empty) {
    std::fprintf(stderr, "  %ld more\n", alloc::live() - empty);
    demand(false, "when it is undone, nothing is left");
  }
  _exit(failed == 0 ? not_that_many : 0);
}

int in_child(const row& r, unsigned n, alloc::failing which, bool warm) {
  const pid_t child = fork();
  if (child == 0)
    attempt(r, n, which, warm);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void every_allocation(const row& r, alloc::failing which, bool warm) {
  constexpr unsigned too_many = 2000;
  for (unsigned n = 1; n < too_many; ++n) {
    const int status = in_child(r, n, which, warm);
    if (status == not_that_many)
      return;
    if (status != 0) {
      ADD_FAILURE() << r.function << (warm ? ", warm" : ", cold") << ", allocation " << n
                    << (which == alloc::failing::one ? " fails" : " and all after it fail")
                    << ": status " << status;
      return;
    }
    ASSERT_EQ(r.never, nullptr) << r.function << " is said never to allocate";
  }
}

std::string first_word(const char* words) {
  return std::string(words, std::strcspn(words, " "));
}

}  // namespace

TEST(alloc_failure, every_export_has_a_row) {
  std::set<std::string> exported;
  std::ifstream list(KHELP_SOURCE_DIR "/tests/abi/exports.txt");
  for (std::string line; std::getline(list, line);) {
    if (!line.empty())
      exported.insert(line);
  }
  ASSERT_FALSE(exported.empty());
  std::set<std::string> listed;
  for (const row& r : rows())
    listed.insert(first_word(r.function));
  EXPECT_EQ(listed, exported);
}

TEST(alloc_failure, one_allocation_fails_when_nothing_was_done_before) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::one, false);
}

TEST(alloc_failure, one_allocation_fails_when_all_is_in_use) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::one, true);
}

TEST(alloc_failure, memory_is_out_from_some_allocation_on_when_nothing_was_done_before) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::all_from, false);
}

TEST(alloc_failure, memory_is_out_from_some_allocation_on_when_all_is_in_use) {
  for (const row& r : rows())
    every_allocation(r, alloc::failing::all_from, true);
}

// The call allocates once when nothing fails; then it pauses ten times and tries after each.
TEST(alloc_failure, memory_that_comes_at_the_end_of_the_wait_is_had) {
#if defined(ALLOC_OPERATOR_NEW_ONLY)
  GTEST_SKIP() << "the sanitizer has its own malloc";
#else
  static khelp_malloc_type memory KHELP_MALLOC_TYPE_INITIALIZER("waiting", "of a test");
  constexpr unsigned attempts = 11;
  khelp_free(khelp_malloc(100, &memory, KHELP_M_WAITOK), &memory);
  for (const unsigned first_that_succeeds : {attempts, attempts + 1}) {
    alloc::fail(first_that_succeeds, alloc::failing::all_before);
    void* block = khelp_malloc(100, &memory, KHELP_M_WAITOK | KHELP_M_NULL);
    const unsigned failed = alloc::disarm();
    EXPECT_EQ(block != nullptr, first_that_succeeds == attempts);
    EXPECT_EQ(failed, first_that_succeeds - 1);
    khelp_free(block, &memory);
  }
  khelp_malloc_type_end(&memory);
#endif
}

TEST(alloc_failure,
     conformance_24_a_failed_init_of_an_object_leaves_counts_and_zones_as_they_were) {
  for (const row& r : rows()) {
    if (first_word(r.function) != "khelp_init_osd")
      continue;
    every_allocation(r, alloc::failing::one, true);
    every_allocation(r, alloc::failing::all_from, true);
  }
}
