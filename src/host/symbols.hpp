// What this process has of what a file wants from others.
#pragma once

#include <string>
#include <vector>

#include "elf/reader.hpp"

namespace khelp {

/// Whether a library of this name (DT_SONAME) is mapped. Nothing is loaded to find out.
bool is_mapped_library(const std::string& name);

/// The versions of interfaces ("libc.so.6: GLIBC_2.38") that a file needs of libraries that are mapped
/// and that these do not offer.
std::vector<std::string> missing_versions(const elf_summary& elf);

/// The symbols that a file uses and that neither the program nor a library that the file is linked
/// with defines, as far as these are mapped now. Nothing is loaded to find out.
std::vector<std::string> undefined_symbols(const elf_summary& elf);

/// The file of another copy of this library, whose symbols are global: calls of modules reach that one.
/// "": there is none.
std::string other_copy_called();

/// The file that this library lies in.
std::string own_path();

}  // namespace khelp
