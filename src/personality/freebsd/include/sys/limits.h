/// The largest and smallest numbers of each type: the host's.
#ifndef KHELP_FREEBSD_SYS_LIMITS_H
#define KHELP_FREEBSD_SYS_LIMITS_H

#include <limits.h>

#endif
