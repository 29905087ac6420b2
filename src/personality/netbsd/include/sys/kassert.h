/// Assertions: KASSERT alive with -DDIAGNOSTIC, KDASSERT with -DDEBUG, gone without.
///
/// A failed one prints its words and aborts, so that a debugger or a sanitizer has the frame.
#ifndef KHELP_NETBSD_SYS_KASSERT_H
#define KHELP_NETBSD_SYS_KASSERT_H

#include <khelp/log.h>

KHELP_BEGIN_DECLS

/// khelp_panic() under the kernel's name.
KHELP_API void panic(const char* format, ...) __asm__("khelp_panic")
    __attribute__((noreturn, cold, format(printf, 1, 2)));

KHELP_END_DECLS

#define KHELP_NETBSD_ASSERT(kind, condition)                                               \
  (__builtin_expect(!!(condition), 1)                                                      \
       ? (void)0                                                                           \
       : panic("kernel %sassertion \"%s\" failed: file \"%s\", line %d", kind, #condition, \
               __FILE__, __LINE__))

#ifdef DIAGNOSTIC
#define KASSERT(condition) KHELP_NETBSD_ASSERT("diagnostic ", condition)
#else
#define KASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif
#ifdef DEBUG
#define KDASSERT(condition) KHELP_NETBSD_ASSERT("debugging ", condition)
#else
#define KDASSERT(condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#endif
