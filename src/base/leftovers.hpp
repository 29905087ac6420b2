// A module's place in memory, and what of it is found elsewhere when it ends
// (core/process/leftovers.hpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace khelp {

/// Where a module's code and data lie.
struct module_range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  bool has(const void* data) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(data);
    return at >= begin && at < end;
  }
  template <class Result, class... Args>
  bool has(Result (*function)(Args...)) const noexcept {
    return has(reinterpret_cast<const void*>(function));
  }
};

/// In words.
struct leftovers {
  std::vector<std::string> taken_off;
  std::vector<std::string> remaining;
};

}  // namespace khelp
