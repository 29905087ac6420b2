// Programming errors stop a debug build at once and cost nothing in a release one.
#pragma once

#include <cassert>

#define KHELP_ASSERT(condition) assert(condition)
