// A helper's file is read once. What was read is checked; a sealed copy of exactly that is mapped.
// Whatever happens to the file on disk meanwhile changes nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <sys/types.h>

#include <khelp/result.hpp>

#include "base/unique_fd.hpp"

namespace khelp {

/// The bytes of a file. (A vector would be filled with zeros first.)
class file_bytes {
 public:
  file_bytes() = default;
  explicit file_bytes(std::size_t room)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(room)), size_(room) {}

  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  void shorten(std::size_t size) { size_ = size; }
  operator std::span<const std::byte>() const {  // NOLINT(google-explicit-constructor)
    return {bytes_.get(), size_};
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

/// Read a regular file of reasonable size.
///
/// Errors   as open(2) and read(2) · ENOEXEC no regular file, or too large for a helper.
result<file_bytes> read_whole_file(const std::string& path);

/// A copy that nobody can change: sealed memory, or, where the system forbids that, a file of ours
/// that is open for reading only. Programs that close descriptors they did not open are survived: a
/// number that now belongs to somebody else is left alone.
class file_copy {
 public:
  file_copy() = default;
  file_copy(file_copy&& other) noexcept { swap(other); }
  file_copy& operator=(file_copy&& other) noexcept {
    swap(other);
    return *this;
  }
  ~file_copy() {
    remove_name();
    reset();
  }

  /// A path that leads to the copy, of `length` characters or more, which this has not given before
  /// for any copy: to the dynamic linker, a name that it has had leads to what it has.
  std::string unused_path(std::size_t length) const;
  /// It is mapped: where its path is a file's name of its own, that goes.
  void remove_name() noexcept;
  /// It is not mapped any more.
  void reset() noexcept;

 private:
  friend result<file_copy> seal_copy(std::span<const std::byte> bytes, const std::string& name);

  explicit file_copy(unique_fd fd);
  static result<file_copy> in_memory(unique_fd fd, std::span<const std::byte> bytes);
  static result<file_copy> in_file(std::span<const std::byte> bytes, const std::string& why);
  static result<file_copy> in_folder(const std::string& folder, std::span<const std::byte> bytes);
  bool can_be_executed() const noexcept;
  bool find_descriptor_folder();
  void swap(file_copy& other) noexcept;

  unique_fd fd_;
  dev_t device_ = 0;
  ino_t file_ = 0;
  std::string folder_;  // of its path
  std::string name_;    // in that folder; "": the descriptor's number
};

/// `name` is what the maps of the process show.
result<file_copy> seal_copy(std::span<const std::byte> bytes, const std::string& name);

}  // namespace khelp
