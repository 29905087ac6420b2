/// panic.
#ifndef KHELP_DARWIN_KERN_DEBUG_H
#define KHELP_DARWIN_KERN_DEBUG_H

#include <khelp/log.h>

KHELP_BEGIN_DECLS

/// khelp_panic() under the kernel's name.
KHELP_API void panic(const char* format, ...) __asm__("khelp_panic")
    __attribute__((noreturn, cold, format(__printf__, 1, 2)));

KHELP_END_DECLS

#endif
