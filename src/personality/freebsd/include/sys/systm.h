/// What most kernel files take for granted: printf, panic, assertions, memory and string functions,
/// comparisons, random numbers (the host's random()).
#ifndef KHELP_FREEBSD_SYS_SYSTM_H
#define KHELP_FREEBSD_SYS_SYSTM_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

/// The kernel's printf writes to the console. Here that is standard error: standard output belongs
/// to the program the module was loaded into. Format attributes from here on are to say __printf__.
__attribute__((format(__printf__, 1, 2))) static inline int khelp_console_printf(const char* format,
                                                                                 ...) {
  va_list arguments;
  int length;
  va_start(arguments, format);
  length = vfprintf(stderr, format, arguments);
  va_end(arguments);
  return length;
}
#define printf khelp_console_printf

/// Copy, or append to what is there, at most size bytes with the NUL. Returns the length that it
/// would have without the limit. (Newer C libraries have both.)
static inline size_t khelp_strlcpy(char* to, const char* from, size_t size) {
  const size_t length = strlen(from);
  if (size != 0) {
    const size_t kept = length < size ? length : size - 1;
    memcpy(to, from, kept);
    to[kept] = '\0';
  }
  return length;
}
static inline size_t khelp_strlcat(char* to, const char* from, size_t size) {
  size_t length = 0;
  while (length < size && to[length] != '\0')
    length++;
  return length + khelp_strlcpy(to + length, from, size - length);
}
#define strlcpy khelp_strlcpy
#define strlcat khelp_strlcat

static inline int imax(int a, int b) {
  return a > b ? a : b;
}
static inline int imin(int a, int b) {
  return a < b ? a : b;
}
static inline unsigned max(unsigned a, unsigned b) {
  return a > b ? a : b;
}
static inline unsigned min(unsigned a, unsigned b) {
  return a < b ? a : b;
}
static inline long lmax(long a, long b) {
  return a > b ? a : b;
}
static inline long lmin(long a, long b) {
  return a < b ? a : b;
}
static inline unsigned long ulmax(unsigned long a, unsigned long b) {
  return a > b ? a : b;
}
static inline unsigned long ulmin(unsigned long a, unsigned long b) {
  return a < b ? a : b;
}

#endif
