/// What the program's exit status says. The numbers are a contract with scripts.
#pragma once

#include <cerrno>

namespace khelp::app {

enum exit_code {
  exit_done = 0,
  exit_failed = 1,
  exit_usage = 2,
  exit_check_failed = 3,
  exit_busy = 4,
  exit_not_permitted = 5,
  exit_not_found = 6,
  exit_timeout = 7,
  exit_partly = 8,
  exit_signal = 128,  ///< plus the signal's number
};

/// The exit status that goes with a refusal's errno.
constexpr exit_code exit_code_for(int error) noexcept {
  switch (error) {
    case 0:
      return exit_done;
    case EINVAL:
      return exit_usage;
    case ENOEXEC:
    case EEXIST:  // a helper that is there already
      return exit_check_failed;
    case EBUSY:
      return exit_busy;
    case EACCES:
    case EPERM:
      return exit_not_permitted;
    case ENOENT:
      return exit_not_found;
    case ETIMEDOUT:
      return exit_timeout;
    default:
      return exit_failed;
  }
}

}  // namespace khelp::app
