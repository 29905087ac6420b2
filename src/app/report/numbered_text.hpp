/// Text about a connection whose number is not known yet.
#pragma once

#include <cstdint>
#include <string_view>

#include "app/cli/output.hpp"

namespace khelp::app {

/// Stands where the number belongs. No report holds it otherwise: in JSON it is escaped, and
/// neither an address nor a helper's C strings can hold it.
constexpr char number_goes_here = '\0';

/// Write the text with its number.
void write_numbered(output& out, std::string_view text, std::uint64_t number);

}  // namespace khelp::app
