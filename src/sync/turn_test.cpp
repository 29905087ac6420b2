#include "sync/turn.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <thread>

namespace khelp {
namespace {

TEST(turn, one_thread_may_take_it_again_and_others_wait) {
  turn_state state;
  std::latch tried(1);
  std::thread other;
  {
    const turn mine(state);
    const turn again(state);
    EXPECT_TRUE(state.is_mine());
    other = std::thread([&] {
      EXPECT_FALSE(state.try_take());
      EXPECT_FALSE(state.is_mine());
      tried.count_down();
      const turn next(state);
      EXPECT_TRUE(state.is_mine());
    });
    tried.wait();
  }
  other.join();
  EXPECT_FALSE(state.is_mine());
  EXPECT_TRUE(state.try_take());
  state.give();
}

/// Who asks may hold a lock that the fork waits for.
TEST(turn, whether_it_is_mine_is_answered_while_a_fork_holds_it) {
  turn_state state;
  state.before_fork();
  std::thread([&] { EXPECT_FALSE(state.is_mine()); }).join();
  state.after_fork_in_parent();
}

TEST(turn, the_child_of_a_fork_is_rid_of_the_turn_of_a_thread_that_it_does_not_have) {
  turn_state state;
  std::latch taken(1);
  std::latch forked(1);
  std::thread owner([&] {
    const turn mine(state);
    taken.count_down();
    forked.wait();
  });
  taken.wait();
  state.before_fork();
  EXPECT_FALSE(state.after_fork_in_child());  // as in the child: of this thread, it is not
  EXPECT_TRUE(state.try_take());
  EXPECT_TRUE(state.is_mine());
  state.give();
  state.take();  // for `owner`, which is there after all, to give
  forked.count_down();
  owner.join();
}

}  // namespace
}  // namespace khelp
