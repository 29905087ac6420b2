/// What may be shown where people look, and only there.
#pragma once

#include <cstddef>
#include <optional>

namespace khelp::app {

/// How text for people may look.
struct appearance {
  bool colour = false;  ///< a terminal, unless NO_COLOR or TERM=dumb forbids it
  std::optional<std::size_t>
      width;  ///< characters of a terminal's line; nothing: as many as wanted
};

appearance of_standard_output();

/// Standard error is a terminal that can rewrite a line.
bool wants_progress();

}  // namespace khelp::app
