/// Assertions: alive with -DINVARIANTS, gone without.
///
/// A failed one prints its words and aborts, so that a debugger or a sanitizer has the frame.
#ifndef KHELP_FREEBSD_SYS_KASSERT_H
#define KHELP_FREEBSD_SYS_KASSERT_H

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
