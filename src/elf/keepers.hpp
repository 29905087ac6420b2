// What a file can leave with the process when it is unloaded, told from the functions it calls.
#pragma once

#include <cstddef>
#include <string_view>

namespace khelp {

/// What the caller of a function leaves behind, and whether that can be told after the unload.
enum class keeping {
  nothing,
  for_ever,    // nothing tells whether it is still there: the file is never unmapped
  threads,     // that can be told where own_threads_are_known()
  destructors  // of thread-local objects: the dynamic linker counts them and keeps the file so long
};

struct keeper {
  keeping how = keeping::nothing;
  std::string_view why;  // what may still reach into the file
};

/// No name that this knows is longer.
inline constexpr std::size_t longest_keeper = 100;

/// weak: the file does without the function when nobody defines it.
keeper keeper_named(std::string_view function, bool weak) noexcept;

}  // namespace khelp
