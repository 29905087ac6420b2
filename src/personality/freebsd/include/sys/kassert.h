/// Assertions: alive with -DINVARIANTS, gone without.
///
/// A failed one prints its words and aborts, so that a debugger or a sanitizer has the frame.
#ifndef KHELP_FREEBSD_SYS_KASSERT_H
#define KHELP_FREEBSD_SYS_KASSERT_H

#include <khelp_names.h>

#include <khelp/log.h>

KHELP_BEGIN_DECLS

/// khelp_panic() under the kernel's name.
KHELP_API void panic(const char* format, ...) __asm__("khelp_panic")
    __attribute__((noreturn, cold, format(__printf__, 1, 2)));

KHELP_END_DECLS

/// KASSERT(condition, ("words %d", number)): the second argument is panic()'s, parentheses
/// included.
#ifdef INVARIANTS
#define KASSERT(condition, words)            \
  do {                                       \
    if (__builtin_expect(!(condition), 0)) { \
      panic words;                           \
    }                                        \
  } while (0)
#else
#define KASSERT(condition, words) \
  do {                            \
  } while (0)
#endif

#define MPASS(condition) MPASS2(condition, #condition)
#define MPASS2(condition, what) MPASS4(condition, what, __FILE__, __LINE__)
#define MPASS3(condition, file, line) MPASS4(condition, #condition, file, line)
#define MPASS4(condition, what, file, line) \
  KASSERT((condition), ("assertion %s failed at %s:%d", (what), (file), (line)))

#endif
