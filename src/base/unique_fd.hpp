// A file descriptor that is closed by its owner's end.
#pragma once

#include <unistd.h>
#include <utility>

#include "base/cancellation.hpp"

namespace khelp {

class unique_fd {
 public:
  unique_fd() = default;
  explicit unique_fd(int fd) noexcept : fd_(fd) {}
  unique_fd(unique_fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  unique_fd& operator=(unique_fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~unique_fd() {
    if (fd_ >= 0)
      close_whole(fd_);
  }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset() noexcept { unique_fd closed(std::exchange(fd_, -1)); }
  /// Forget it without closing.
  void release() noexcept { fd_ = -1; }

 private:
  // close(2) is a cancellation point, and a destructor cannot be unwound.
  static void close_whole(int fd) noexcept {
    const no_cancellation later;
    close(fd);
  }

  int fd_ = -1;
};

}  // namespace khelp
