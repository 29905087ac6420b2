// The helper of debugged.cpp: two functions for a backtrace.

#include "debugged.hpp"

namespace {

[[gnu::noinline]] void function_of_the_helper(debugged::event& event) {
  event.inside();
  asm volatile("");  // no tail call: the frame stays
}

void hook_of_the_helper(debugged::event& event) {
  function_of_the_helper(event);
  asm volatile("");
}

constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<hook_of_the_helper>(debugged::point)};
constexpr khelp_helper_x helper = khelp::helper("debugged", 1, 0, hooks);

}  // namespace

KHELP_MODULE(debugged, 1, helper, 0, void);
