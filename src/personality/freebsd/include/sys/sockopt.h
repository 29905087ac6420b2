/// The context of HHOOK_SOCKET_OPT; opaque, because no subsystem here runs that point.
#ifndef KHELP_FREEBSD_SYS_SOCKOPT_H
#define KHELP_FREEBSD_SYS_SOCKOPT_H

#include <sys/param.h>

struct sockopt;

#endif
