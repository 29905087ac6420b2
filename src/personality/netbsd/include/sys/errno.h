/// The host's errno values, and the kernel's own.
#pragma GCC system_header
#include_next <sys/errno.h>

#ifndef KHELP_NETBSD_SYS_ERRNO_H
#define KHELP_NETBSD_SYS_ERRNO_H

#include <khelp/error.h>

#undef ERESTART
#define ERESTART KHELP_ERESTART /**< negative, as there; Linux' 85 is another matter */

#endif
