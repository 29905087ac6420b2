/// Text on its way to a file: nothing is lost silently when the disk is full.
#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <khelp/result.hpp>

#include "app/khelp/overwriting.hpp"

namespace khelp::app {

/// An open file that remembers its first failure. After one, writes do nothing.
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

  /// Which file it is. Nothing: it keeps nothing (a device, a pipe).
  std::optional<file_identity> identity() const { return identity_of(::fileno(file_)); }

  /// Everything written so far is with the kernel, or why not.
  result<void> flush();

  /// Append to another output everything written here. Done once, at the end. The result is about
  /// this file; the other one remembers its own failure.
  result<void> copy_to(output& other);

 private:
  output(std::FILE* file, std::string name, bool owned)
      : file_(file), name_(std::move(name)), owned_(owned) {}
  failure why() const;
  void swap(output& other) noexcept;

  std::unique_ptr<char[]> room_;  ///< the file's; nullptr: it has its own
  std::FILE* file_ = nullptr;
  std::string name_;  ///< for people
  bool owned_ = false;
  bool unbegun_ = false;  ///< name_ is a file that open() made, and nothing has begun
  int error_ = 0;         ///< errno of the first failure
};

}  // namespace khelp::app
