// Records whose threads died without giving them back, and the threads that get their numbers.
#include "sync/thread_record.hpp"

#include <atomic>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace khelp;

const int somewhere = 0;

pid_t my_number() {
  return static_cast<pid_t>(syscall(SYS_gettid));
}

// As if this thread had never had one, and one with its number were left over, inside a section.
thread_record& leave_over_a_record_of_our_number() {
  thread_record& record = *enrol();
  record.sections[0].point = &somewhere;
  this_record = nullptr;
  return record;
}

// The number of a thread that is no more.
pid_t number_of_a_dead_thread() {
  pid_t number = 0;
  std::thread([&] { number = my_number(); }).join();
  while (!thread_is_dead(number))
    std::this_thread::yield();
  return number;
}

TEST(thread_record, a_thread_that_inherits_a_number_takes_that_record_up_with_its_sections_closed) {
  thread_record& left_over = leave_over_a_record_of_our_number();
  EXPECT_EQ(enrol(), &left_over);
  EXPECT_EQ(left_over.tid, my_number());
  EXPECT_EQ(left_over.sections[0].point, nullptr);
}

TEST(thread_record, a_record_that_is_taken_up_by_number_is_not_free_for_a_moment) {
  thread_record& record = *enrol();
  std::atomic<bool> stop{false};
  std::atomic<bool> was_free{false};
  std::thread watcher([&] {
    while (!stop)
      was_free = was_free || record.tid == 0;
  });
  for (int i = 0; i < 1'000'000 && !was_free; ++i) {
    leave_over_a_record_of_our_number();
    ASSERT_EQ(enrol(), &record);
  }
  stop = true;
  watcher.join();
  EXPECT_FALSE(was_free);
}

TEST(thread_record, a_dead_threads_record_becomes_free_with_its_sections_closed) {
  thread_record record;
  record.tid = number_of_a_dead_thread();
  record.sections[0].point = &somewhere;
  free_if_owner_died(record);
  EXPECT_EQ(record.tid, 0);
  EXPECT_EQ(record.sections[0].point, nullptr);
}

TEST(thread_record, a_living_threads_record_stays_as_it_is) {
  thread_record& record = *enrol();
  record.sections[0].point = &somewhere;
  free_if_owner_died(record);
  EXPECT_EQ(record.tid, my_number());
  EXPECT_EQ(record.sections[0].point, &somewhere);
  record.sections[0].point = nullptr;
}

TEST(thread_record, a_record_that_a_new_thread_takes_up_while_it_is_judged_stays_that_threads) {
  thread_record& record = leave_over_a_record_of_our_number();
  // Its owner is dead; then a thread of its number, this one, is born, takes it up and enters a
  // section.
  free_if_owner_died(record, [](pid_t) {
    if (this_record != nullptr)
      return false;
    enrol()->sections[0].point = &somewhere;
    return true;
  });
  EXPECT_EQ(this_record, &record);
  EXPECT_EQ(record.tid, my_number());
  EXPECT_EQ(record.sections[0].point, &somewhere);
  record.sections[0].point = nullptr;
}

TEST(thread_record, a_record_that_a_new_thread_gives_back_while_it_is_judged_is_free) {
  static thread_record record;
  record.tid = number_of_a_dead_thread();
  free_if_owner_died(record, [](pid_t) {
    const bool first = record.tid > 0;
    if (!first)
      record.tid = 0;  // the new thread of this number lived, and ended
    return first;
  });
  EXPECT_EQ(record.tid, 0);
}

}  // namespace
