/// What stops a replay before it has begun.
#pragma once

#include <khelp/result.hpp>

#include "app/cli/messages.hpp"

namespace khelp::app {

/// Thrown once the reason has been reported; becomes the program's exit status.
struct refusal {
  int status;
};

[[noreturn]] inline void refuse(const failure& why, int status) {
  report_error(why.detail);
  throw refusal{status};
}

}  // namespace khelp::app
