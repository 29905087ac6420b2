/// `khelp replay`: captures through hook points, helpers' results to the user.
#pragma once

#include "app/replay/replay_request.hpp"

namespace khelp::app {

/// Returns the exit status.
int run_replay(const replay_request& asked);

}  // namespace khelp::app
