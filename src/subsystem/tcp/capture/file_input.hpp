/// Files, pipes and standard input.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "subsystem/tcp/capture/byte_input.hpp"

namespace khelp::tcp {

class file_input final : public byte_input {
 public:
  /// "-" is standard input.
  /// Errors   the errno of opening it.
  static result<std::unique_ptr<file_input>> open(const std::string& name);
  file_input(const file_input&) = delete;
  file_input& operator=(const file_input&) = delete;
  ~file_input() override;

  result<size_t> read(std::span<uint8_t> to) override;
  void on_wait(const std::function<void()>& listener) override { on_wait_ = listener; }
  int unread_file() const override { return regular_ ? descriptor_ : -1; }
  uint64_t size() const override { return size_; }

  /// The first bytes, which read() will deliver all the same. Call it before read(). Fewer than
  /// asked for, which is at most 8: there are no more.
  /// Errors   the errno of reading.
  result<std::span<const uint8_t>> beginning(size_t bytes);

 private:
  file_input(int descriptor, bool regular, uint64_t size)
      : descriptor_(descriptor), regular_(regular), size_(size) {}

  result<size_t> read_file(std::span<uint8_t> to);

  // Constant after open().
  const int descriptor_;
  const bool regular_;
  const uint64_t size_;
  std::function<void()> on_wait_;

  // What beginning() read of something else than a file, and read() has not delivered:
  // ahead_[ahead_begin_ .. ahead_end_).
  std::array<uint8_t, 8> ahead_{};
  size_t ahead_begin_ = 0;
  size_t ahead_end_ = 0;
};

}  // namespace khelp::tcp
