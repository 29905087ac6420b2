/// Bytes of an input, as many at a time as are needed together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <khelp/result.hpp>

#include "subsystem/tcp/capture/byte_input.hpp"

namespace khelp::tcp {

/// A window on an input that moves on and grows where it has to.
class block_reader {
 public:
  explicit block_reader(std::unique_ptr<byte_input> input);

  /// Read until the window holds so many bytes; false: the input ends before that. What the window
  /// held before may move. Memory grows with what was read, not with what is asked for.
  /// Errors   the errno of reading.
  result<bool> hold(size_t bytes) {
    if (end_ - begin_ >= bytes)
      return true;
    return fill(bytes);
  }
  /// What the window holds.
  std::span<const uint8_t> window() const { return {&buffer_[begin_], end_ - begin_}; }
  /// The window begins after that many of its bytes.
  void skip(size_t bytes) {
    begin_ += bytes;
    position_ += bytes;
  }
  /// Where in the input the window begins.
  uint64_t position() const { return position_; }

  byte_input& input() { return *input_; }
  const byte_input& input() const { return *input_; }

 private:
  result<bool> fill(size_t bytes);
  void evict_for();

  const std::unique_ptr<byte_input> input_;
  size_t room_;
  std::unique_ptr<uint8_t[]> buffer_;  // room_ bytes, of which [begin_ .. end_) are the window
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t position_ = 0;
};

}  // namespace khelp::tcp
