/// What the points of type HHOOK_TYPE_IPSEC_IN and _OUT pass to their hooks.
///
/// Their ids are address families, which differ between systems: say AF_INET6, never a number.
#ifndef KHELP_FREEBSD_NETIPSEC_IPSEC_H
#define KHELP_FREEBSD_NETIPSEC_IPSEC_H

#include <khelp_names.h>
#include <sys/hhook.h>
#include <sys/param.h>

struct inpcb;
struct mbuf;
struct secasvar;

#define IPSEC_ENC_BEFORE 0x01
#define IPSEC_ENC_AFTER 0x02

struct ipsec_ctx_data {
  struct mbuf** mp; /**< a hook that takes the packet sets *mp to NULL: a veto */
  struct secasvar* sav;
  struct inpcb* inp;
  uint8_t af;
  uint8_t enc; /**< IPSEC_ENC_BEFORE or IPSEC_ENC_AFTER */
};
_Static_assert(sizeof(struct ipsec_ctx_data) == 32 && offsetof(struct ipsec_ctx_data, af) == 24 &&
                   offsetof(struct ipsec_ctx_data, enc) == 25,
               "struct ipsec_ctx_data is laid out as FreeBSD's");

#endif
