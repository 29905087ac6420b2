// The library's messages, to whatever sink the program set (khelp/log.h). No allocation.
#pragma once

#include <initializer_list>
#include <string_view>

#include <khelp/log.h>

namespace khelp {

// Join the parts into one line and hand it to the sink. What does not fit in 511 characters is cut.
void log(int level, std::initializer_list<std::string_view> parts) noexcept;

}  // namespace khelp
