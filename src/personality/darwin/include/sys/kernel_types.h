/// Opaque types.
#ifndef KHELP_DARWIN_SYS_KERNEL_TYPES_H
#define KHELP_DARWIN_SYS_KERNEL_TYPES_H

#include <stdint.h>
#include <sys/types.h>

typedef int errno_t;
typedef struct khelp_mbuf* mbuf_t;     /**< the program's buffer (khelp/sflt.h) */
typedef struct khelp_proc* proc_t;     /**< khelp/proc.h */
typedef struct khelp_socket* socket_t; /**< the program's socket (khelp/sflt.h) */

#endif
