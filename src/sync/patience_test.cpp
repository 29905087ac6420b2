#include "sync/patience.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace {

using namespace khelp;

long sleeps_so_far() {
  rusage used{};
  EXPECT_EQ(getrusage(RUSAGE_THREAD, &used), 0);
  return used.ru_nvcsw;
}

// A thread that yields for ever keeps those of lower priority from the CPU (SCHED_FIFO).
TEST(patience, who_has_waited_for_long_sleeps_at_each_turn) {
  patience waiting;
  unsigned turns = 0;
  while (!waiting.turn())
    ASSERT_LT(++turns, 1000u);
  const long before = sleeps_so_far();
  for (int i = 0; i < 10; ++i)
    EXPECT_TRUE(waiting.turn());
  EXPECT_GE(sleeps_so_far() - before, 10);
}

}  // namespace
