/// Strangers' bytes (file names, what a file says of itself) on their way to a person's terminal.
#pragma once

#include <string>
#include <string_view>

namespace khelp::app {

/// The text with everything escaped that a terminal would obey or that is no UTF-8: "\x1b", "\n".
std::string printable(std::string_view text);

/// The same for text of several lines: their ends stay.
std::string printable_lines(std::string_view text);

}  // namespace khelp::app
