/// The bytes of a capture, as they come.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include <khelp/result.hpp>

namespace khelp::tcp {

class byte_input {
 public:
  virtual ~byte_input() = default;

  /// At least one byte, at most to.size(); 0: there are no more.
  /// Errors   the errno of reading.
  virtual result<size_t> read(std::span<uint8_t> to) = 0;

  /// Call this from read() when it would have to wait. It must not throw.
  virtual void on_wait(const std::function<void()>&) {}

  /// The descriptor of a regular file of which nothing was read yet, for whoever reads that in a
  /// better way; -1: there is none.
  virtual int unread_file() const { return -1; }

  /// How many bytes there are; 0: that is not known.
  virtual uint64_t size() const { return 0; }
};

}  // namespace khelp::tcp
