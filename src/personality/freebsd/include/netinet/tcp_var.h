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
