// What this process has of what a file wants from others.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elf/reader.hpp"

namespace khelp {

/// Whether a library of this name (DT_SONAME) is mapped. Nothing is loaded to find out.
bool is_mapped_library(const std::string& name);

/// What the libraries that are mapped have of what a file needs.
struct process_answer {
  std::vector<std::string> absent;  // of elf.needed: not mapped
  // Versions of interfaces ("libc.so.6: GLIBC_2.38") that mapped libraries do not offer.
  std::vector<std::string> missing_versions;
  // Symbols that neither the program nor a mapped library that the file is linked with defines.
  std::vector<std::string> undefined;
};

/// Nothing is loaded to find out.
process_answer ask_process(const elf_summary& elf);

/// The file of another copy of this library, whose symbols are global: calls of modules reach that one.
/// "": there is none.
std::string other_copy_called();

/// The file that this library lies in.
std::string_view own_path() noexcept;

}  // namespace khelp
