/// TCP's timers. No end here has any: modules include this file and use nothing of it.
#ifndef KHELP_FREEBSD_NETINET_TCP_TIMER_H
#define KHELP_FREEBSD_NETINET_TCP_TIMER_H

#include <sys/param.h>

#endif
