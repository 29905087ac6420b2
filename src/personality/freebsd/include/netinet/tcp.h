/// A TCP header, FreeBSD's struct tcphdr, and the host's socket options.
///
/// The host has a struct of the same tag. Its definition is read under its own name and is out of
/// reach afterwards.
#pragma GCC system_header

#ifndef KHELP_FREEBSD_NETINET_TCP_H
#define KHELP_FREEBSD_NETINET_TCP_H

#include <khelp_names.h>

#pragma push_macro("tcphdr")
#undef tcphdr
#include_next <netinet/tcp.h>
#pragma pop_macro("tcphdr")

#include <sys/param.h>

#include <khelp/tcp.h>

typedef khelp_tcp_seq tcp_seq;

#undef TH_FIN
#undef TH_SYN
#undef TH_RST
#undef TH_PUSH
#undef TH_ACK
#undef TH_URG
#define TH_FIN KHELP_TH_FIN
#define TH_SYN KHELP_TH_SYN
#define TH_RST KHELP_TH_RST
#define TH_PUSH KHELP_TH_PUSH
#define TH_ACK KHELP_TH_ACK
#define TH_URG KHELP_TH_URG
#define TH_ECE KHELP_TH_ECE
#define TH_CWR KHELP_TH_CWR

#define TCP_MAXWIN 65535 /**< without scaling */
#define TCP_CA_NAME_MAX 16

#endif
