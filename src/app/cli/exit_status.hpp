/// What the program's exit status says. The numbers are a contract with scripts.
#pragma once

#include <cerrno>
#include <vector>

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

/// The numbers and what they say, as help prints them.
extern const char* const exit_status_help;

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

/// The status for captures of which each is done or failed in its way: partly, if some went well.
inline int exit_status_of(const std::vector<exit_code>& captures) {
  bool any_done = false;
  int failure = exit_done;
  for (const exit_code one : captures) {
    if (one == exit_done)
      any_done = true;
    else if (failure == exit_done)
      failure = one;
    else if (failure != one)
      failure = exit_failed;
  }
  return any_done && failure != exit_done ? static_cast<int>(exit_partly) : failure;
}

/// The status for a capture that could not be opened, or not be read to its end.
inline exit_code exit_code_for_capture(int error) {
  switch (error) {
    case EINVAL:   // not a capture
    case ENOTSUP:  // a link type that cannot be decoded
      return exit_check_failed;
    default:
      return exit_code_for(error);
  }
}

}  // namespace khelp::app
