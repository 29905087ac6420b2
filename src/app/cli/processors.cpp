#include "app/cli/processors.hpp"

#include <algorithm>
#include <sched.h>

namespace khelp::app {

std::size_t useful_jobs() noexcept {
  constexpr int most = 4;
  cpu_set_t ours;
  if (sched_getaffinity(0, sizeof ours, &ours) != 0)
    return 1;
  return static_cast<std::size_t>(std::clamp(CPU_COUNT(&ours), 1, most));
}

}  // namespace khelp::app
