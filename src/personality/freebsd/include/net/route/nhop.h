/// Next hops. Modules include this file and use nothing of it; nothing is here.
#ifndef KHELP_FREEBSD_NET_ROUTE_NHOP_H
#define KHELP_FREEBSD_NET_ROUTE_NHOP_H

struct nhop_object;

#endif
