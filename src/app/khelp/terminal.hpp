/// What may be shown where people look, and only there.
#pragma once

namespace khelp::app {

/// Standard output is a terminal, and nobody asked for no colour (NO_COLOR, TERM=dumb).
bool wants_colour();

/// Standard error is a terminal that can rewrite a line.
bool wants_progress();

}  // namespace khelp::app
