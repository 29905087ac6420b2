// A helper's file is read once. What was read is checked; a sealed copy of exactly that is mapped.
// Whatever happens to the file on disk meanwhile changes nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include <khelp/result.hpp>

#include "base/unique_fd.hpp"

namespace khelp {

/// Read a regular file of reasonable size.
///
/// Errors   as open(2) and read(2) · ENOEXEC no regular file, or too large for a helper.
result<std::vector<std::byte>> read_whole_file(const std::string& path);

/// A copy that nobody can change: sealed memory, or, where the system forbids that, a nameless file
/// of ours that is open for reading only. Programs that close descriptors they did not open are
/// survived: a number that now belongs to somebody else is left alone.
class file_copy {
 public:
  file_copy() = default;
  explicit file_copy(unique_fd fd);
  file_copy(file_copy&&) = default;
  file_copy& operator=(file_copy&& other) noexcept;
  ~file_copy() { reset(); }

  int fd() const noexcept { return fd_.get(); }
  /// Take a higher descriptor instead.
  ///
  /// Errors   EMFILE.
  result<void> move_up();
  void reset() noexcept;

 private:
  unique_fd fd_;
  dev_t device_ = 0;
  ino_t file_ = 0;
};

/// `name` is what the maps of the process show.
result<file_copy> seal_copy(std::span<const std::byte> bytes, const std::string& name);

}  // namespace khelp
