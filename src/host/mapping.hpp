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

namespace khelp {

/// Where a symbol lies.
struct symbol_place {
  void* address;
  std::uint64_t size;
};

/// Of the program or a library that everybody's symbols are looked up in.
std::optional<symbol_place> find_global_symbol(const char* symbol) noexcept;

/// The two names of what is mapped. `opened` is dlopen(3)'s, and leads to the bytes that were checked;
/// `shown` is where debuggers and the like look for it once it is mapped (docs/decisions, "Names for
/// debuggers"). If they differ, `shown` is not the longer one.
struct link_names {
  std::string opened;
  std::string shown;
};

class mapping {
 public:
  mapping() = default;

  /// A way to write a file's absolute path that no file of the process has as its name: the linker
  /// takes files of one name for one.
  static std::string unused_name(const std::string& path);

  /// Whether the linker has something under this name: it would answer with that.
  static bool is_taken(const std::string& link_name) noexcept;

  /// Map the file that the linker finds under `names.opened`, which must be the checked bytes. Its
  /// constructors run.
  ///
  /// Errors   EEXIST the name is taken · ENOEXEC the linker refuses, or has mapped something else.
  static result<mapping> open(const link_names& names, std::span<const std::byte> checked,
                              const elf_summary& elf);

  /// Give it back. Its destructors run if the linker lets it go; is_there() tells. Once.
  void close() noexcept;

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

  /// Whether the linker takes this very file for a library of that name that another one needs: of
  /// all that have the name, the first that came.
  bool is_library(const std::string& name) const noexcept;

 private:
  link_names names_;
  void* handle_ = nullptr;
  std::uint64_t base_ = 0;
  std::uint64_t size_ = 0;
};

}  // namespace khelp
