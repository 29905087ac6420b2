/// Sentences on standard error.
#pragma once

#include <string_view>

namespace khelp::app {

/// "khelp: " and the words; further lines of them are indented.
void complain(std::string_view words);

}  // namespace khelp::app
