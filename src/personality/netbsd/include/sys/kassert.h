/// Assertions: KASSERT alive with -DDIAGNOSTIC, KDASSERT with -DDEBUG, gone without.
///
/// A failed one prints its words and aborts, so that a debugger or a sanitizer has the frame.
#ifndef KHELP_NETBSD_SYS_KASSERT_H
#define KHELP_NETBSD_SYS_KASSERT_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/// Print "panic: ..." on standard error and abort.
__attribute__((noreturn, noinline, cold, unused, format(printf, 1, 2))) static void panic(
    const char* format, ...) {
  char words[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(words, sizeof words, format, arguments);
  va_end(arguments);
  fprintf(stderr, "panic: %s\n", words);
  abort();
}

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
