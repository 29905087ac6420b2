/// panic.
#ifndef KHELP_DARWIN_KERN_DEBUG_H
#define KHELP_DARWIN_KERN_DEBUG_H

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

#endif
