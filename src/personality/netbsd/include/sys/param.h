/// Types, errno values, and milliseconds as ticks.
#pragma GCC system_header
#include_next <sys/param.h>

#ifndef KHELP_NETBSD_SYS_PARAM_H
#define KHELP_NETBSD_SYS_PARAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/errno.h>
#include <sys/kassert.h>
#include <sys/kernel.h>
#include <sys/types.h>

/// Rounded up, where the kernel's rounds down: a short time does not become none, which is for ever.
#define mstohz(ms) ((unsigned)(((uint64_t)(ms)*100 + 999) / 1000))
#define hztoms(ticks) ((unsigned)((uint64_t)(ticks)*1000 / 100))

#endif
