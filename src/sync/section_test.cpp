// Which sections a wait is for: those that were open before, and no later ones.
#include "sync/section.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include <khelp/osd.h>

#include "sync/run_wait.hpp"

namespace {

using namespace khelp;

const int a_place = 0;
const int another_place = 0;
deep_runs nothing_deep = {};

// A thread in one section after another; it enters and leaves when it is told.
class visitor {
 public:
  visitor(const void* first, const khelp_osd* first_object, const void* second,
          const khelp_osd* second_object)
      : thread_([=, this] {
          number_ = static_cast<pid_t>(syscall(SYS_gettid));
          {
            const any_section section(first, nullptr, deep_, first_object);
            in_first_.count_down();
            leave_first_.wait();
          }
          const any_section section(second, nullptr, deep_, second_object);
          in_second_.count_down();
          leave_second_.wait();
        }) {
    in_first_.wait();
  }
  ~visitor() {
    if (!leave_first_.try_wait())
      leave_first_.count_down();
    leave_second_.count_down();
    thread_.join();
  }
  pid_t number() const { return number_; }
  void goes_on() {
    leave_first_.count_down();
    in_second_.wait();
  }

 private:
  deep_runs deep_ = {};
  pid_t number_ = 0;
  std::latch in_first_{1};
  std::latch leave_first_{1};
  std::latch in_second_{1};
  std::latch leave_second_{1};
  std::thread thread_;
};

thread_record& first_record_of(pid_t number) {
  thread_record* record = first_record();
  while (record->tid != number)
    record = record->next;
  return *record;
}

TEST(section, a_wait_is_not_for_a_run_that_begins_in_the_same_section_after_the_call) {
  visitor v(&a_place, nullptr, &a_place, nullptr);
  const std::uint64_t epoch = begin_epoch();
  v.goes_on();
  run_wait wait;
  EXPECT_EQ(wait_for_runs(&a_place, nothing_deep, wait, epoch), waited::done);
  EXPECT_EQ(wait_for_runs(nullptr, deep_total, wait, epoch), waited::done);
}

TEST(section, a_wait_is_not_for_a_run_of_another_place) {
  visitor v(&another_place, nullptr, &a_place, nullptr);
  run_wait wait;
  EXPECT_EQ(wait_for_runs(&a_place, nothing_deep, wait), waited::done);
}

TEST(section, a_wait_for_an_objects_sections_is_not_for_those_of_another_object) {
  const khelp_osd object{};
  const khelp_osd other{};
  visitor v(&a_place, &other, &a_place, &object);
  const open_since then = sections_from_now().value();
  run_wait wait;
  EXPECT_TRUE(wait_for_runs_of(&object, then, wait));
  v.goes_on();
  // It is inside for the object now, but was not then.
  EXPECT_TRUE(wait_for_runs_of(&object, then, wait));
}

TEST(section, a_wait_ends_only_when_the_run_that_was_inside_has_left) {
  for (int i = 0; i < 200; ++i) {
    bool left = false;  // not atomic: the wait orders it
    std::latch inside(1);
    std::latch waits(1);
    deep_runs deep = {};
    std::thread runner([&] {
      const any_section outer(&a_place, nullptr, deep, nullptr);
      inside.count_down();
      waits.wait();
      for (int turn = 0; turn < 4 * i; ++turn) {
        // Sections that close meanwhile are not the one that is waited for.
        const any_section inner(&another_place, nullptr, deep, nullptr);
        std::this_thread::yield();
      }
      left = true;
    });
    inside.wait();
    waits.count_down();
    run_wait wait;
    EXPECT_EQ(wait_for_runs(&a_place, nothing_deep, wait), waited::done);
    EXPECT_TRUE(left);
    runner.join();
  }
}

TEST(section, a_signal_handler_uses_the_section_above_a_half_opened_one) {
  thread_record& record = *enrol();
  record.sections[0].point = &a_place;  // half opened: nothing else has been said
  deep_runs deep = {};
  {
    const any_section section(&another_place, nullptr, deep, nullptr);
    EXPECT_EQ(record.sections[0].point, &a_place);
    EXPECT_EQ(record.sections[1].point, &another_place);
  }
  EXPECT_EQ(record.sections[0].point, &a_place);
  EXPECT_EQ(record.sections[1].point, nullptr);
  record.sections[0].point = nullptr;
  EXPECT_FALSE(inside_section());
}

TEST(section, a_wait_with_a_limit_names_the_run_and_how_long_it_has_been_inside) {
  const khelp_osd object{};
  visitor v(&a_place, &object, &a_place, nullptr);
  run_wait wait(deadline(1'000'000));
  EXPECT_EQ(wait_for_runs(&a_place, nothing_deep, wait), waited::too_late);
  EXPECT_EQ(wait.who().tid, v.number());
  EXPECT_EQ(wait.who().point, &a_place);
  EXPECT_EQ(wait.who().object, &object);
  // The second who waits knows when the first saw it.
  run_wait later(deadline(1'000'000));
  EXPECT_EQ(wait_for_runs(&a_place, nothing_deep, later), waited::too_late);
  EXPECT_GE(later.who().seen_for_ns, 1'000'000);
  v.goes_on();
  // What was seen of one run is not the next one's.
  EXPECT_EQ(first_record_of(v.number()).first_seen[0], 0);
}

TEST(deep_runs, those_who_come_later_keep_nobody_waiting) {
  deep_runs place = {};
  // There is always somebody inside: each enters before the one before him leaves.
  unsigned inside = enter_deep(place);
  const std::uint32_t mark = deep_mark(place);
  int turns = 0;
  while (!deep_left(place, mark) && turns < 10) {
    const unsigned next = enter_deep(place);
    leave_deep(place, inside);
    inside = next;
    ++turns;
  }
  EXPECT_LT(turns, 10);
  EXPECT_FALSE(none_is_deep(place));
  leave_deep(place, inside);
  EXPECT_TRUE(none_is_deep(place));
}

TEST(deep_runs, those_who_were_there_are_waited_for_on_either_side) {
  deep_runs place = {};
  const unsigned first = enter_deep(place);
  const std::uint32_t before = deep_mark(place);
  EXPECT_FALSE(deep_left(place, before));  // exchanges the sides
  const unsigned second = enter_deep(place);
  EXPECT_NE(first, second);
  const std::uint32_t mark = deep_mark(place);
  EXPECT_FALSE(deep_left(place, mark));
  leave_deep(place, first);
  EXPECT_TRUE(deep_left(place, before));
  EXPECT_FALSE(deep_left(place, mark)) << "the second is inside";
  leave_deep(place, second);
  EXPECT_TRUE(deep_left(place, mark));
}

TEST(deep_runs, a_waiter_hears_from_two_exchanges_of_others_that_everybody_has_left) {
  deep_runs place = {};
  const unsigned old = enter_deep(place);
  const std::uint32_t mark = deep_mark(place);
  EXPECT_FALSE(deep_left(place, mark));
  leave_deep(place, old);
  (void)enter_deep(place);
  EXPECT_FALSE(deep_left(place, deep_mark(place)));  // another waiter exchanges them again
  (void)enter_deep(place);
  EXPECT_TRUE(deep_left(place, mark)) << "both sides have somebody, who came later";
}

}  // namespace
