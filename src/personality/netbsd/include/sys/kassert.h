/// Assertions: KASSERT and KASSERTMSG alive with -DDIAGNOSTIC, KDASSERT and KDASSERTMSG with -DDEBUG,
/// gone without.
///
/// A failed one prints its words and aborts, so that a debugger or a sanitizer has the frame.
#ifndef KHELP_NETBSD_SYS_KASSERT_H
#define KHELP_NETBSD_SYS_KASSERT_H

#include <khelp/log.h>

KHELP_BEGIN_DECLS

/// khelp_panic() under the kernel's name.
KHELP_API void panic(const char* format, ...) __asm__("khelp_panic")
    __attribute__((noreturn, cold, format(__printf__, 1, 2)));

KHELP_END_DECLS

/* words: "", or a literal with the formats of what follows. */
#define KHELP_NETBSD_ASSERT(kind, condition, text, words, ...)                             \
  (__builtin_expect(!!(condition), 1)                                                      \
       ? (void)0                                                                           \
       : panic("kernel %sassertion \"%s\" failed: file \"%s\", line %d" words, kind, text, \
               __FILE__, __LINE__, ##__VA_ARGS__))
#define KHELP_NETBSD_UNASSERTED(condition) ((void)sizeof((condition) ? 1 : 0))

#ifdef DIAGNOSTIC
#define KASSERT(condition) KHELP_NETBSD_ASSERT("diagnostic ", condition, #condition, "")
#define KASSERTMSG(condition, words, ...) \
  KHELP_NETBSD_ASSERT("diagnostic ", condition, #condition, " " words, ##__VA_ARGS__)
#else
#define KASSERT(condition) KHELP_NETBSD_UNASSERTED(condition)
#define KASSERTMSG(condition, ...) KHELP_NETBSD_UNASSERTED(condition)
#endif
#ifdef DEBUG
#define KDASSERT(condition) KHELP_NETBSD_ASSERT("debugging ", condition, #condition, "")
#define KDASSERTMSG(condition, words, ...) \
  KHELP_NETBSD_ASSERT("debugging ", condition, #condition, " " words, ##__VA_ARGS__)
#else
#define KDASSERT(condition) KHELP_NETBSD_UNASSERTED(condition)
#define KDASSERTMSG(condition, ...) KHELP_NETBSD_UNASSERTED(condition)
#endif

#endif
