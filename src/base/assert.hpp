// Programming errors stop a debug build at once and cost nothing in a release one.
//
// What a comment calls an invariant is an assertion: in a function check_invariants() of whoever holds
// the state, called where the state has just changed, under its lock. Builds without NDEBUG check: dev,
// the sanitizers', torture. In a release build the calls vanish, and the functions are empty.
#pragma once

#include <cassert>

#ifdef NDEBUG
#define KHELP_CHECKS 0
#else
#define KHELP_CHECKS 1
#endif

#define KHELP_ASSERT(condition) assert(condition)
