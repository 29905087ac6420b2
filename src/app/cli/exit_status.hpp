/// From how each capture went to the program's exit status.
#pragma once

#include <vector>

#include "app/cli/exit_code.hpp"

namespace khelp::app {

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
