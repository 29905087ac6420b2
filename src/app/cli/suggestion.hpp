/// What a user may have meant.
#pragma once

#include <span>
#include <string_view>

namespace khelp::app {

/// The name that differs from `typed` by at most two of: a character too many, one too few, another
/// one, two neighbours exchanged. "": none does, or nothing else of `typed` is left.
std::string_view nearest(std::string_view typed, std::span<const std::string_view> names);

}  // namespace khelp::app
