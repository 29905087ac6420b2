// errno as it was, at the end of a scope: what a program calls on its hot path leaves it alone.
#pragma once

#include <cerrno>

namespace khelp {

class kept_errno {
 public:
  kept_errno() = default;
  kept_errno(const kept_errno&) = delete;
  kept_errno& operator=(const kept_errno&) = delete;
  ~kept_errno() { errno = before_; }

 private:
  const int before_ = errno;
};

}  // namespace khelp
