// Many unload one helper at once: one of them does it.
#include <barrier>
#include <thread>

#include "rig.hpp"

using namespace stress;

TEST(unload, a_helper_that_many_unload_at_once_in_every_way_ends_once) {
  static std::atomic<int> destroyed;
  declared helper("contended", KHELP_HELPER_NEEDS_OSD, 16);
  helper.x.mod_destroy = [] { return ++destroyed, 0; };
  std::atomic<int> unloaded{0};
  std::atomic<bool> over{false};
  std::barrier round(4);
  const auto unload_again_and_again = [&](int how) {
    for (round.arrive_and_wait(); !over; round.arrive_and_wait()) {
      int answer = 0;
      for (answer = helper.unload(how); answer != ENOENT; answer = helper.unload(how))
        unloaded += answer == 0 ? 1 : 0;
      round.arrive_and_wait();
    }
  };
  std::thread waits(unload_again_and_again, KHELP_UNLOAD_WAIT);
  std::thread refuses(unload_again_and_again, KHELP_UNLOAD_REFUSE);
  std::thread revokes(unload_again_and_again, KHELP_UNLOAD_REVOKE);
  const auto end = std::chrono::steady_clock::now() + budget(std::chrono::seconds(3));
  while (std::chrono::steady_clock::now() < end && !HasFailure()) {
    destroyed = 0;
    unloaded = 0;
    EXPECT_EQ(helper.load(), 0) << khelp_failure_text();
    round.arrive_and_wait();
    round.arrive_and_wait();
    EXPECT_EQ(unloaded, 1);
    EXPECT_EQ(destroyed, 1);
  }
  over = true;
  round.arrive_and_wait();
  waits.join();
  refuses.join();
  revokes.join();
}
