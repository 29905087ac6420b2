#include "sync/gate.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <thread>

namespace {

using namespace khelp;

TEST(gate, nobody_enters_until_the_last_who_shut_it_has_opened_it) {
  gate g;
  thread_record& record = *enrol();
  ASSERT_TRUE(g.enter(record));
  gate::leave(record);
  ASSERT_TRUE(g.shut());
  {
    const shut_gate again(g);
    EXPECT_FALSE(g.enter(record));
  }
  EXPECT_FALSE(g.enter(record));
  EXPECT_EQ(record.passing, 0u) << "whoever shuts it need not wait for those who are sent away";
  g.open();
  EXPECT_TRUE(g.enter(record));
  gate::leave(record);
}

TEST(gate, who_shuts_it_waits_for_those_who_are_inside_and_sees_what_they_did) {
  for (int i = 0; i < 20; ++i) {
    gate g;
    int done = 0;  // not atomic: the gate orders it
    std::latch inside(1);
    std::thread passing([&] {
      thread_record& record = *enrol();
      ASSERT_TRUE(g.enter(record));
      inside.count_down();
      thread_record other;
      while (g.enter(other))
        gate::leave(other);
      std::this_thread::yield();
      done = 1;
      gate::leave(record);
    });
    inside.wait();
    {
      const shut_gate mine(g);
      EXPECT_TRUE(mine.certain());
      EXPECT_EQ(done, 1);
    }
    passing.join();
  }
}

TEST(gate, a_thread_that_shuts_it_in_the_middle_of_its_own_passage_goes_on) {
  gate g;
  thread_record& record = *enrol();
  ASSERT_TRUE(g.enter(record));
  EXPECT_TRUE(shut_gate(g).certain()) << "a signal handler that forks";
  gate::leave(record);
}

TEST(gate, who_shuts_it_does_not_wait_for_a_dead_thread) {
  gate g;
  thread_record* record = nullptr;
  std::thread([&] { record = enrol(); }).join();
  record->passing = 1;
  EXPECT_TRUE(shut_gate(g).certain());
  record->passing = 0;
}

}  // namespace
