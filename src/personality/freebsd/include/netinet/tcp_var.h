/// One end of a connection and what the two TCP points pass to their hooks. The structs, which
/// fields are filled and in which byte order: <khelp/tcp.h>.
#ifndef KHELP_FREEBSD_NETINET_TCP_VAR_H
#define KHELP_FREEBSD_NETINET_TCP_VAR_H

#include <netinet/in_pcb.h>
#include <netinet/tcp.h>
#include <netinet/tcp_fsm.h>
#include <sys/hhook.h>

#define TF_NOOPT KHELP_TF_NOOPT
#define TF_RCVD_SCALE KHELP_TF_RCVD_SCALE
#define TF_RCVD_TSTMP KHELP_TF_RCVD_TSTMP
#define TF_SACK_PERMIT KHELP_TF_SACK_PERMIT
#define TF_TSO KHELP_TF_TSO

/* Recovery from losses and from congestion, for congestion control modules: an observer does not
 * see which an end is in, and never sets them. */
#define TF_FASTRECOVERY 0x00100000u
#define TF_WASFRECOVERY 0x00200000u
#define TF_CONGRECOVERY 0x20000000u
#define TF_WASCRECOVERY 0x40000000u
#define KHELP_TF_RECOVERY (TF_FASTRECOVERY | TF_CONGRECOVERY)

#define IN_FASTRECOVERY(flags) ((flags)&TF_FASTRECOVERY)
#define ENTER_FASTRECOVERY(flags) ((flags) |= TF_FASTRECOVERY)
#define EXIT_FASTRECOVERY(flags) ((flags) &= ~TF_FASTRECOVERY)
#define IN_CONGRECOVERY(flags) ((flags)&TF_CONGRECOVERY)
#define ENTER_CONGRECOVERY(flags) ((flags) |= TF_CONGRECOVERY)
#define EXIT_CONGRECOVERY(flags) ((flags) &= ~TF_CONGRECOVERY)
#define IN_RECOVERY(flags) ((flags)&KHELP_TF_RECOVERY)
#define ENTER_RECOVERY(flags) ((flags) |= KHELP_TF_RECOVERY)
#define EXIT_RECOVERY(flags) ((flags) &= ~KHELP_TF_RECOVERY)

/* Counting acknowledged bytes (RFC 3465): the kernel's first values. */
#define V_tcp_do_rfc3465 1
#define V_tcp_abc_l_var 2

#define TOF_MSS KHELP_TOF_MSS
#define TOF_SCALE KHELP_TOF_SCALE
#define TOF_SACKPERM KHELP_TOF_SACKPERM
#define TOF_TS KHELP_TOF_TS
#define TOF_SIGNATURE KHELP_TOF_SIGNATURE
#define TOF_SACK KHELP_TOF_SACK
#define TOF_FASTOPEN KHELP_TOF_FASTOPEN

/// The identity of an end, as current FreeBSD spells it; release 13 says tp->t_inpcb.
#define tptoinpcb(tp) ((tp)->t_inpcb)

#endif
