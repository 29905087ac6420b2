/// What most kernel files take for granted: printf, panic, assertions, memory and string functions.
#ifndef KHELP_FREEBSD_SYS_SYSTM_H
#define KHELP_FREEBSD_SYS_SYSTM_H

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/param.h>

/// The kernel's printf writes to the console. Here that is standard error: standard output belongs
/// to the program the module was loaded into.
#define printf(...) fprintf(stderr, __VA_ARGS__)

#endif
