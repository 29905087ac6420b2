/// Opaque types.
#ifndef KHELP_DARWIN_SYS_KERNEL_TYPES_H
#define KHELP_DARWIN_SYS_KERNEL_TYPES_H

#include <stdint.h>
#include <sys/types.h>

typedef int errno_t;
typedef struct khelp_mbuf* mbuf_t;     /**< the program's buffer (khelp/sflt.h) */
typedef struct proc* proc_t;           /**< the contract's struct khelp_proc (khelp/proc.h) */
typedef struct khelp_socket* socket_t; /**< the program's socket (khelp/sflt.h) */

#endif
