// The flags that hhook(9)'s functions are given.
#pragma once

#include <cerrno>
#include <cstdint>

#include <khelp/hhook.h>
#include <khelp/result.hpp>

namespace khelp {

// Without KHELP_HHOOK_STRICT flags are as in the kernel: what is unknown is ignored.
inline result<void> check_flags(std::uint32_t flags) {
  constexpr std::uint32_t known_flags = KHELP_HHOOK_WAITOK | KHELP_HHOOK_NOWAIT |
                                        KHELP_HHOOK_HEADISINVNET | KHELP_HHOOK_STRICT |
                                        KHELP_HHOOK_RESULT_FIRST | KHELP_HHOOK_RESULT_STRICTEST;
  if ((flags & KHELP_HHOOK_STRICT) == 0)
    return {};
  if ((flags & ~known_flags) != 0)
    return failure(EINVAL, "unknown flags");
  if ((flags & KHELP_HHOOK_WAITOK) != 0 && (flags & KHELP_HHOOK_NOWAIT) != 0)
    return failure(EINVAL, "WAITOK and NOWAIT exclude each other");
  return {};
}

}  // namespace khelp
