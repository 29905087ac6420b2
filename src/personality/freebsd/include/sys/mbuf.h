/// Packets are not kept here: hooks see headers and lengths, never a chain of buffers.
#ifndef KHELP_FREEBSD_SYS_MBUF_H
#define KHELP_FREEBSD_SYS_MBUF_H

#include <sys/param.h>

struct mbuf;

#endif
