// A helper's code in the process: brought in by the dynamic linker, and out again as far as the
// linker lets it go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <khelp/result.hpp>

#include "elf/reader.hpp"
#include "host/file_copy.hpp"

namespace khelp {

/// Where a symbol lies.
struct symbol_place {
  void* address;
  std::uint64_t size;
};

/// Of the program or a library that everybody's symbols are looked up in.
std::optional<symbol_place> find_global_symbol(const char* symbol) noexcept;

/// How a file is to be mapped. Either the file itself, for profilers; or a sealed copy of the checked
/// bytes, which then has two names (docs/decisions/0010): dlopen(3)'s leads to the copy, and debuggers
/// and the like are shown a spelling of the file's path once it is mapped. The dynamic linker takes
/// files of one name for one, so both differ from those of all other files.
struct mapping_request {
  std::string full_path;
  unsigned spelling;      // of the path: no file that is mapped has the same
  std::string copy_name;  // what the maps of the process show
  bool by_path;           // the file itself
};

class mapping {
 public:
  mapping() = default;

  /// Map the file. Its constructors run.
  ///
  /// Errors   EEXIST the file is mapped already · ENOEXEC the linker refuses, or has mapped something
  ///          else · as seal_copy().
  static result<mapping> open(const mapping_request& request, std::span<const std::byte> checked,
                              const elf_summary& elf);

  /// Give it back. Its destructors run if the linker lets it go; is_there() tells. Once.
  void close() noexcept;

  /// The linker needs no descriptor of what it has mapped, and never looks at the copy again.
  void drop_copy() noexcept { copy_.reset(); }

  /// Whether close() is still to come.
  bool is_open() const noexcept { return handle_ != nullptr; }

  /// Whether the code is still mapped.
  bool is_there() const noexcept;

  /// After close(): take it up and give it back again, which makes the linker look anew at whether
  /// somebody still holds it (thread-local destructors that have run by now).
  void let_go_again() noexcept;

  std::uint64_t base() const noexcept { return base_; }
  std::uint64_t size() const noexcept { return size_; }

  bool contains(const void* address, std::size_t size) const noexcept;

  /// Whether this file is the one that DT_NEEDED `name` binds to: the first loaded with that
  /// DT_SONAME.
  bool is_library(const std::string& name) const noexcept;

 private:
  result<void> find_names(const mapping_request& request, std::span<const std::byte> checked);

  file_copy copy_;  // open as long as the code is mapped
  std::string opened_name_;
  std::string shown_name_;  // not longer
  void* handle_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace khelp
