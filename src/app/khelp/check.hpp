/// `khelp check`: what helper files say of themselves, and everything that speaks against them.
#pragma once

#include "app/khelp/arguments.hpp"

namespace khelp::app {

/// Returns the exit status: 0 all would load · 3 at least one is refused · else that of the first
/// file that could not be read.
int run_check(const check_request& asked);

}  // namespace khelp::app
