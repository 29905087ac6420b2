/// FreeBSD's struct tags, given to the contract's structs.
///
/// The contract prefixes its tags, because it is included by strangers' programs. A FreeBSD module
/// says `struct osd`, and some fields carry their tag's name (`tp->osd`). So the tags are renamed
/// by the preprocessor, once, before the first contract header: module and library then see the
/// same struct under two names, and nothing is cast or copied.
#ifndef KHELP_FREEBSD_NAMES_H
#define KHELP_FREEBSD_NAMES_H

#ifdef __cplusplus
#error \
    "FreeBSD modules are C: their designated initialisers are not C++. C++ has <khelp/khelp.hpp>."
#endif
#ifdef KHELP_EXPORT_H
#error "Include FreeBSD's headers (sys/hhook.h, ...) before any <khelp/...> header, or only them."
#endif

#define helper khelp_helper
#define hhook_head khelp_hhook_head
#define hookinfo khelp_hookinfo
#define khelp_modevent_data khelp_khelp_modevent_data
#define malloc_type khelp_malloc_type
#define osd khelp_osd
#define uma_zone khelp_uma_zone
#define vnet khelp_vnet

#define inpcb khelp_inpcb
#define sackhint khelp_sackhint
#define tcp_hhook_data khelp_tcp_hhook_data
#define tcpcb khelp_tcpcb
#define tcphdr khelp_tcphdr
#define tcpopt khelp_tcpopt

#endif
