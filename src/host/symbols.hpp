// What a file wants from others and nobody here has.
#pragma once

#include <string>
#include <vector>

#include "host/elf_reader.hpp"

namespace khelp {

/// The symbols that a file uses and that neither the program nor a library that the file is linked
/// with defines, as far as these are mapped now. Nothing is loaded to find out.
std::vector<std::string> undefined_symbols(const elf_summary& elf);

}  // namespace khelp
