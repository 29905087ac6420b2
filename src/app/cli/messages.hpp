/// What the program says: errors and warnings on standard error, short answers on standard output.
#pragma once

#include <string_view>

#include <khelp/result.hpp>

namespace khelp::app {

/// "khelp: " and the text on standard error; further lines of it are indented.
/// What a terminal would obey in it is escaped.
void report_error(std::string_view text);

/// Whether all of an output reached its file; if not, the error is reported, unless a reader went
/// away: that is no news to the user.
bool complete(const result<void>& written);

/// Write text to standard output, and nothing else.
///
/// Returns the program's exit status.
int print(std::string_view text);

}  // namespace khelp::app
