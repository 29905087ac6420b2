/// _MALLOC and _FREE: typed memory (malloc.h), accounted for by type; `khelp replay --mem` and
/// khelp_malloc_stats() show it.
#ifndef KHELP_DARWIN_SYS_MALLOC_H
#define KHELP_DARWIN_SYS_MALLOC_H

#include <stddef.h>
#include <sys/types.h>

#include <khelp/malloc.h>

/* Not FreeBSD's values. Waiting is the absence of M_NOWAIT. */
#define M_WAITOK 0x0000
#define M_NOWAIT 0x0001
#define M_ZERO 0x0004
#define M_NULL 0x0008 /**< NULL rather than a panic */

#define M_PCB 4
#define M_RTABLE 5
#define M_IFADDR 9
#define M_SONAME 11
#define M_LOCKF 40
#define M_TEMP 80
#define M_UDFNODE 84
#define M_UDFMNT 85
#define M_KAUTH 100

/// NULL for size 0. Waiting without M_NULL ends the process when memory cannot be had.
static inline void* _MALLOC(size_t size, int type, int flags) {
  const int translated = ((flags & M_NOWAIT) ? KHELP_M_NOWAIT : KHELP_M_WAITOK) |
                         ((flags & M_ZERO) ? KHELP_M_ZERO : 0) |
                         ((flags & M_NULL) ? KHELP_M_NULL : 0);
  return size == 0 ? NULL : khelp_malloc(size, khelp_malloc_numbered(type), translated);
}

/// A type that is not the block's is counted, and logged in debugging builds (D-1).
static inline void _FREE(void* block, int type) {
  khelp_free(block, khelp_malloc_numbered(type));
}

#define MALLOC(space, cast, size, type, flags) (space) = (cast)_MALLOC((size_t)(size), type, flags)
#define FREE(block, type) _FREE((void*)(block), type)

#endif
