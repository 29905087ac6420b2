/// Ctrl-C ends a replay with the results so far; a second one ends the program.
#pragma once

namespace khelp::app {

/// From now on the first SIGINT or SIGTERM is only noted, and ends standard input; a closed pipe is
/// a write error.
void catch_interruptions();

/// The signal that asks to end; 0: none.
int interruption() noexcept;

}  // namespace khelp::app
