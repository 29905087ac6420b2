#include "app/report/hook_order.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

snapshot::hook_info hook(const char* point, const char* helper, std::uint32_t position,
                         const char* why = "", std::uint32_t state = KHELP_HOOK_ATTACHED) {
  snapshot::hook_info made;
  made.point = point;
  made.type = 1;
  made.id = 2;
  made.helper = helper;
  made.position = position;
  made.why = why;
  made.state = state;
  return made;
}

TEST(hook_order, lists_the_hooks_of_each_point_with_their_reasons) {
  EXPECT_EQ(hook_order_text({hook("tcp.in", "first", 0, "priority -5"), hook("tcp.in", "", 1),
                             hook("tcp.out", "third", 0, "load order", KHELP_HOOK_SUSPENDED)}),
            "tcp.in (1/2)\n"
            "  1. first: priority -5\n"
            "  2. (no helper)\n"
            "tcp.out (1/2)\n"
            "  1. third (suspended): load order\n");
}

TEST(hook_order, says_of_hooks_at_no_point_why_they_are_off) {
  EXPECT_EQ(hook_order_text({hook("x/9", "early", 0, "", KHELP_HOOK_PENDING),
                             hook("tcp.in", "old", 0, "", KHELP_HOOK_MISFIT)}),
            "x/9 (1/2), not registered: these hooks wait for it\n"
            "  1. early\n"
            "tcp.in (1/2): these hooks were built for another event and stay off\n"
            "  1. old\n");
}

TEST(hook_order, says_that_there_are_none) {
  EXPECT_EQ(hook_order_text({}), "No hooks.\n");
}

TEST(hook_order, names_do_not_reach_the_terminal_as_they_are) {
  EXPECT_EQ(hook_order_text({hook("p", "red\x1b[31m", 0)}), "p (1/2)\n  1. red\\x1b[31m\n");
}

}  // namespace
}  // namespace khelp::app
