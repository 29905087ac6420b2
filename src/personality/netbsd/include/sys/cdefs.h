/// Version strings of source files, on top of the host's sys/cdefs.h.
///
/// glibc's features.h includes this file into every translation unit: nothing else belongs here.
#pragma GCC system_header
#include_next <sys/cdefs.h>

#ifndef KHELP_NETBSD_SYS_CDEFS_H
#define KHELP_NETBSD_SYS_CDEFS_H

/// An identification string is dropped; the declaration lets the user's semicolon be legal.
#define __KERNEL_RCSID(number, string) struct khelp_netbsd_rcsid

#endif
