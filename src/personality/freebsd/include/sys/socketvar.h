/// What the points of type HHOOK_TYPE_SOCKET pass to their hooks.
#ifndef KHELP_FREEBSD_SYS_SOCKETVAR_H
#define KHELP_FREEBSD_SYS_SOCKETVAR_H

#include <sys/hhook.h>
#include <sys/param.h>
#include <sys/socket.h>

struct mbuf;
struct socket;

struct socket_hhook_data {
  struct socket* so;
  struct mbuf* m; /**< always NULL */
  void* hctx;     /**< OPT: struct sockopt; FILT_SOWRITE: the knote; else NULL */
  int status;     /**< CREATE: non-zero refuses; OPT: the errno; FILT_SOREAD: non-zero is ready */
};
_Static_assert(sizeof(struct socket_hhook_data) == 32 &&
                   offsetof(struct socket_hhook_data, hctx) == 16 &&
                   offsetof(struct socket_hhook_data, status) == 24,
               "struct socket_hhook_data is laid out as FreeBSD's");

#endif
