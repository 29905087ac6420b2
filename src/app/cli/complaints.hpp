/// Sentences on standard error.
#pragma once

#include <string_view>

#include <khelp/result.hpp>

namespace khelp::app {

/// "khelp: " and the words; further lines of them are indented.
/// What a terminal would obey in them is escaped.
void complain(std::string_view words);

/// Whether all of an output reached its file; if not, it is said. A reader that went away is no news
/// to the user.
bool complete(const result<void>& written);

}  // namespace khelp::app
