// Records whose threads died without giving them back, and the threads that get their numbers.
#include "sync/thread_record.hpp"

#include <atomic>
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <latch>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "sync/counters.hpp"
#include "sync/section.hpp"
#include "sync/under_tsan.hpp"

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
  while (!thread_is_dead(number, INT64_MAX))
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

TEST(thread_record, a_younger_thread_of_the_owners_number_is_not_the_owner) {
  static thread_record record;
  record.sections[0].point = &somewhere;
  record.tid = my_number();
  record.taken_ns = 1;  // long before this thread began
  EXPECT_TRUE(owner_is_dead(record));
  free_if_owner_died(record);
  EXPECT_EQ(record.tid, 0);
  EXPECT_EQ(record.sections[0].point, nullptr);
}

TEST(thread_record, its_owner_began_before_it_took_it) {
  std::thread([] {
    const thread_record& record = *enrol();
    EXPECT_FALSE(owner_is_dead(record));
  }).join();
}

// Bytes of address space in use.
rlim_t address_space() {
  std::ifstream file("/proc/self/statm");
  rlim_t pages = 0;
  file >> pages;
  return pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

TEST(thread_record, without_room_for_counters_a_thread_has_one_for_its_sections_alone) {
  // In a child: the limit is the process's. More threads than there are records to take up.
  const pid_t child = fork();
  if (child == 0) {
    constexpr int count = 32;
    std::latch there(count);
    std::latch limited(1);
    std::latch asked(count);
    std::atomic<int> without_record{0};
    std::atomic<int> without_cells{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) {
      threads.emplace_back([&] {
        there.arrive_and_wait();
        limited.wait();
        const thread_record* record = enrol();
        without_record += record == nullptr ? 1 : 0;
        without_cells += record != nullptr && !record->has_cells ? 1 : 0;
        if (counting_record == nullptr) {
          const counter_block block = take_counter_block();
          bump(block, 0);
          without_record += counter_sum(block, 0) != 1 ? 1 : 0;
        }
        asked.arrive_and_wait();
      });
    }
    there.wait();
    const rlimit a_few_pages_more{address_space() + (1 << 20), RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &a_few_pages_more);
    limited.count_down();
    for (std::thread& thread : threads)
      thread.join();
    _exit(without_record != 0 ? 1 : without_cells == 0 ? 2 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(thread_record, a_record_that_a_new_thread_takes_up_while_it_is_judged_stays_that_threads) {
  thread_record& record = leave_over_a_record_of_our_number();
  // Its owner is dead; then a thread of its number, this one, is born, takes it up and enters a
  // section.
  free_if_owner_died(record, [](pid_t, std::int64_t) {
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
  free_if_owner_died(record, [](pid_t, std::int64_t) {
    const bool first = record.tid > 0;
    if (!first)
      record.tid = 0;  // the new thread of this number lived, and ended
    return first;
  });
  EXPECT_EQ(record.tid, 0);
}

#if defined(__x86_64__) && !KHELP_UNDER_TSAN

// A signal between any two instructions of a thread's end, whose handler enters a section: the processor
// traps after each.
constexpr std::uint64_t trap_flag = 0x100;
void trap_after_each_instruction(bool on) {
  std::uint64_t flags = __builtin_ia32_readeflags_u64();
  flags = on ? flags | trap_flag : flags & ~trap_flag;
  __builtin_ia32_writeeflags_u64(flags);
}

std::atomic<unsigned> steps{0};
std::atomic<unsigned> records_of_nobody{0};

void enter_a_section(int) {
  static deep_runs deep;
  ++steps;
  if (this_record != nullptr) {
    const pid_t tid = this_record->tid;
    records_of_nobody += tid != my_number() && tid != -1 ? 1 : 0;
  }
  const any_section section(&somewhere, nullptr, deep, nullptr);
}

// Keys' destructors are called in the order in which the keys were made: this one is older than the
// library's, the other one younger.
const pthread_key_t before_the_records_end = [] {
  pthread_key_t key{};
  pthread_key_create(&key, [](void*) { trap_after_each_instruction(true); });
  return key;
}();

TEST(thread_record, a_signal_at_any_step_of_a_threads_end_finds_no_record_that_others_can_take) {
  enrol();
  pthread_key_t behind{};
  ASSERT_EQ(pthread_key_create(&behind, [](void*) { trap_after_each_instruction(false); }), 0);
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = enter_a_section;
  sigaction(SIGTRAP, &action, &before);
  for (int i = 0; i < 3; ++i) {
    std::thread([behind] {
      enrol();
      pthread_setspecific(before_the_records_end, &steps);
      pthread_setspecific(behind, &steps);
    }).join();
  }
  sigaction(SIGTRAP, &before, nullptr);
  pthread_key_delete(behind);
  EXPECT_GT(steps, 100u);
  EXPECT_EQ(records_of_nobody, 0u);
}

#endif

}  // namespace
