/// What every kernel file includes first: types, byte order, queues, assertions, errno values.
#pragma GCC system_header
#include_next <sys/param.h>

#ifndef KHELP_FREEBSD_SYS_PARAM_H
#define KHELP_FREEBSD_SYS_PARAM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/cdefs.h>
#include <sys/errno.h>
#include <sys/kassert.h>
#include <sys/queue.h>
#include <sys/types.h>

/// Which kernel a module is compiled for: a release whose names and calls these headers have.
#define __FreeBSD_version 1400097

#ifndef nitems
#define nitems(array) (sizeof(array) / sizeof((array)[0]))
#endif

/// Last, and only here: some of Linux' own headers have members of this name, so include those
/// before this one.
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif

#endif
