// A row: one exported function, how to come to the call, the call, and how to undo it.
#pragma once

#include <cerrno>
#include <cstdio>
#include <unistd.h>
#include <vector>

#include <khelp/error.h>

namespace alloc {

constexpr int silent = -1000;      // an answer: not done, and nothing was said
constexpr int not_that_many = 42;  // the status of a child in which nothing failed

struct row {
  const char* function;
  void (*setup)();
  int (*call)();   // 0, an errno, or `silent`
  void (*undo)();  // also after a call that failed
  std::vector<int> errors = {ENOMEM};
  const char* never = nullptr;  // why it cannot allocate
  const char* stays = nullptr;  // why some of it is never given back
};

constexpr auto reason_word_only = "reads words of its own";
constexpr auto reason_static = "answers from constants";
constexpr auto reason_thread = "a variable of the thread";
constexpr auto reason_mutex = "a word of the mutex";
constexpr auto reason_zone = "changes the zone's own numbers, and may give memory back";

inline void demand(bool condition, const char* words) {
  if (condition)
    return;
  std::fprintf(stderr, "  not so: %s (%s)\n", words, khelp_failure_text());
  _exit(1);
}

inline void nothing() {}
template <class T>
int made(T* pointer) {
  return pointer != nullptr ? 0 : ENOMEM;
}

std::vector<row> rows_of_points();
std::vector<row> rows_of_filters_and_lists();
std::vector<row> rows_of_helpers();
std::vector<row> rows_of_object_data_and_zones();
std::vector<row> rows_of_memory_and_sleep();
std::vector<row> rows_of_instances();
std::vector<row> rows_of_statistics_and_loading();

}  // namespace alloc
