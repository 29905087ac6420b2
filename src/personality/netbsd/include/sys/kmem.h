/// kmem(9): memory that is freed with its size. It is typed memory (khelp/malloc.h), accounted to the
/// type "temp".
#ifndef KHELP_NETBSD_SYS_KMEM_H
#define KHELP_NETBSD_SYS_KMEM_H

#include <stddef.h>
#include <sys/kassert.h>

#include <khelp/malloc.h>

typedef unsigned km_flag_t;
#define KM_SLEEP 0x1u   /**< wait for memory as khelp_malloc() does; then the process ends */
#define KM_NOSLEEP 0x2u /**< NULL when there is none */

static inline void* khelp_netbsd_kmem(size_t size, km_flag_t flags, int more) {
  KASSERT(size != 0);
  KASSERT(flags == KM_SLEEP || flags == KM_NOSLEEP);
  return khelp_malloc(size, khelp_malloc_numbered(80),
                      ((flags & KM_NOSLEEP) ? KHELP_M_NOWAIT : KHELP_M_WAITOK) | more);
}

static inline void* kmem_alloc(size_t size, km_flag_t flags) {
  return khelp_netbsd_kmem(size, flags, 0);
}
static inline void* kmem_zalloc(size_t size, km_flag_t flags) {
  return khelp_netbsd_kmem(size, flags, KHELP_M_ZERO);
}
/// A size that is not the block's panics, with or without DIAGNOSTIC.
static inline void kmem_free(void* block, size_t size) {
  if (block == NULL || khelp_malloc_usable_size(block) != size)
    panic("kmem_free: %p has %zu bytes, not %zu", block, khelp_malloc_usable_size(block), size);
  khelp_free(block, khelp_malloc_numbered(80));
}

#endif
