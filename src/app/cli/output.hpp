/// Text on its way to a file: nothing is lost silently when the disk is full.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <khelp/result.hpp>

#include "app/cli/overwriting.hpp"

namespace khelp::app {

/// An open file that remembers its first failure. After one, writes do nothing. A signal that the
/// program catches fails none: the write goes on. What is left is written when it goes.
class output {
 public:
  /// Open a file, which keeps what it holds until begin(). One that was not there is made, and goes
  /// again if nothing begins.
  static result<output> open(const std::string& file);
  static output standard_output();
  /// A file without a name, for what must wait on disk: in $TMPDIR, else /var/tmp, else /tmp.
  static result<output> temporary();

  output(output&& other) noexcept;
  output& operator=(output&& other) noexcept;
  ~output();

  /// Before the first write: what the file holds goes.
  result<void> begin();
  void write(std::string_view text) noexcept;
  bool failed() const noexcept { return error_ != 0; }

  /// Device and inode. Nothing: a device or a pipe, which keeps nothing.
  std::optional<file_identity> identity() const { return identity_of(descriptor_); }

  /// Everything written so far is with the kernel, or why not.
  result<void> flush();

  /// Append to another output everything written here. Done once, at the end. The result is about
  /// this file; the other one remembers its own failure.
  result<void> copy_to(output& other);

 private:
  output(int descriptor, std::string name, bool owned, std::size_t room);
  void write_through(std::string_view text) noexcept;
  void write_held() noexcept;
  failure why() const;
  void swap(output& other) noexcept;

  std::unique_ptr<char[]> room_;
  std::size_t room_size_ = 0;
  std::size_t held_ = 0;  ///< bytes in room_ that are not written yet
  int descriptor_ = -1;   ///< moved from: -1
  std::string name_;      ///< for people
  bool owned_ = false;
  bool by_line_ = false;  ///< a terminal
  bool unbegun_ = false;  ///< name_ is a file that open() made, and nothing has begun
  int error_ = 0;         ///< errno of the first failure
};

}  // namespace khelp::app
