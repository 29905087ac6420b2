/// The identity of an end of a connection. struct inpcb: <khelp/tcp.h>.
#ifndef KHELP_FREEBSD_NETINET_IN_PCB_H
#define KHELP_FREEBSD_NETINET_IN_PCB_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/tcp.h>

#define INP_IPV4 KHELP_INP_IPV4
#define INP_IPV6 KHELP_INP_IPV6

/// The kernel asserts that the connection is locked. Here one thread at a time works on a
/// connection, so there is no lock to own; what is left to assert is that there is a connection.
#define INP_LOCK_ASSERT(inp) KASSERT((inp) != NULL, ("%s: no inpcb", __func__))
#define INP_RLOCK_ASSERT(inp) INP_LOCK_ASSERT(inp)
#define INP_WLOCK_ASSERT(inp) INP_LOCK_ASSERT(inp)

#endif
