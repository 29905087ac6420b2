/// The host's errno values, and the kernel's own three.
#pragma GCC system_header
#include_next <sys/errno.h>

#ifndef KHELP_FREEBSD_SYS_ERRNO_H
#define KHELP_FREEBSD_SYS_ERRNO_H

#include <khelp_names.h>

#include <khelp/error.h>

#undef EDOOFUS
#undef EJUSTRETURN
#undef ERESTART
#define EDOOFUS KHELP_EDOOFUS         /**< 88 there, which is ENOTSOCK here */
#define EJUSTRETURN KHELP_EJUSTRETURN /**< -2 */
#define ERESTART KHELP_ERESTART       /**< -1; Linux' 85 is another matter */

#endif
