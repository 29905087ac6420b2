// What a module that is stopped has left in the core's registries: things that call functions of it
// or lie in its memory. They are taken off, so that its code can be unmapped.
//
// Whoever registered such a thing names it by something that is never another one's (a function and
// its argument, a handle, its own memory), so an object of the module that takes it off once more,
// at its end, finds nothing. What is only known by an address of ours (a zone) or is still in use
// (a point that somebody refers to) remains, and with it the module's code.
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

/// Take off what leads into the module. Its functions are called as the end of these things asks for
/// (an osd slot's destructor), but by nobody else when nothing remains.
///
/// Context  outside hooks; no lock is held.
leftovers take_off_leftovers(const module_range& module);

}  // namespace khelp
