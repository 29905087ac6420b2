// Which sections a wait is for: those that were open before, and no later ones.
#include "sync/section.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <thread>

#include <khelp/osd.h>

#include "sync/publication.hpp"

namespace {

using namespace khelp;

const int a_place = 0;
const int another_place = 0;

// A thread in one section after another; it enters and leaves when it is told.
class visitor {
 public:
  visitor(const void* first, const khelp_osd* first_object, const void* second,
          const khelp_osd* second_object)
      : thread_([=, this] {
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
  void goes_on() {
    leave_first_.count_down();
    in_second_.wait();
  }

 private:
  std::uint32_t deep_ = 0;
  std::latch in_first_{1};
  std::latch leave_first_{1};
  std::latch in_second_{1};
  std::latch leave_second_{1};
  std::thread thread_;
};

TEST(section, a_wait_is_not_for_a_run_that_begins_in_the_same_section_after_the_call) {
  visitor v(&a_place, nullptr, &a_place, nullptr);
  const std::uint64_t epoch = begin_epoch();
  v.goes_on();
  EXPECT_TRUE(wait_for_open_sections(&a_place, epoch));
  EXPECT_TRUE(wait_for_open_sections(nullptr, epoch));
}

TEST(section, a_wait_is_not_for_a_run_of_another_place) {
  visitor v(&another_place, nullptr, &a_place, nullptr);
  EXPECT_TRUE(wait_for_open_sections(&a_place));
}

TEST(section, a_wait_for_an_objects_sections_is_not_for_those_of_another_object) {
  const khelp_osd object{};
  const khelp_osd other{};
  visitor v(&a_place, &other, &a_place, &object);
  const std::uint64_t epoch = begin_epoch();
  ASSERT_TRUE(heavy_barrier());
  wait_for_sections_of(&object, epoch);
  v.goes_on();
  // It is inside for the object now, but was not then.
  wait_for_sections_of(&object, epoch);
}

TEST(section, a_wait_ends_only_when_the_run_that_was_inside_has_left) {
  for (int i = 0; i < 200; ++i) {
    bool left = false;  // not atomic: the wait orders it
    std::latch inside(1);
    std::latch waits(1);
    std::uint32_t deep = 0;
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
    EXPECT_TRUE(wait_for_open_sections(&a_place));
    EXPECT_TRUE(left);
    runner.join();
  }
}

TEST(section, a_signal_handler_uses_the_section_above_a_half_opened_one) {
  thread_record& record = *enrol();
  record.sections[0].point = &a_place;  // half opened: nothing else has been said
  std::uint32_t deep = 0;
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

}  // namespace
