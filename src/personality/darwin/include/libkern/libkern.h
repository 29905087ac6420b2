/// printf, and the small functions that kernel sources take for granted.
#ifndef KHELP_DARWIN_LIBKERN_LIBKERN_H
#define KHELP_DARWIN_LIBKERN_LIBKERN_H

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

#include <khelp/log.h>

/// To the program's log (khelp_log_set_sink()), without one to standard error. Returns nothing. Not
/// for signal handlers. Format attributes from here on are to say __printf__.
#define printf khelp_printf

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
