/// The host's errno values, and the kernel's own two.
#pragma GCC system_header
#include_next <sys/errno.h>

#ifndef KHELP_DARWIN_SYS_ERRNO_H
#define KHELP_DARWIN_SYS_ERRNO_H

#include <khelp/error.h>

#undef ERESTART
#undef EJUSTRETURN
#define ERESTART KHELP_ERESTART       /**< -1; Linux' 85 is another matter */
#define EJUSTRETURN KHELP_EJUSTRETURN /**< -2 */

#endif
