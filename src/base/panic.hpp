// The end of the process, for what must not go on.
#pragma once

#include <initializer_list>
#include <string_view>

namespace khelp {

// The words go to the log as an error and to standard error. Cut at 511 characters; allocates
// nothing.
[[noreturn]] void panic(std::initializer_list<std::string_view> words) noexcept;

}  // namespace khelp
