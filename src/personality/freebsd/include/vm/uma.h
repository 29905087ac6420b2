/// uma(9): zones. Each function is its namesake in <khelp/uma.h>, which documents it.
#ifndef KHELP_FREEBSD_VM_UMA_H
#define KHELP_FREEBSD_VM_UMA_H

#include <khelp_names.h>
#include <sys/malloc.h> /* M_... */
#include <sys/param.h>

#include <khelp/uma.h>

#define UMA_ALIGN_PTR KHELP_UMA_ALIGN_PTR
#define UMA_ALIGN_LONG KHELP_UMA_ALIGN_LONG
#define UMA_ALIGN_INT KHELP_UMA_ALIGN_INT
#define UMA_ALIGN_SHORT KHELP_UMA_ALIGN_SHORT
#define UMA_ALIGN_CHAR KHELP_UMA_ALIGN_CHAR
#define UMA_ALIGN_CACHE KHELP_UMA_ALIGN_CACHE

#define UMA_ZONE_ZINIT KHELP_UMA_ZONE_ZINIT
#define UMA_ZONE_CONTIG KHELP_UMA_ZONE_CONTIG
#define UMA_ZONE_NOTOUCH KHELP_UMA_ZONE_NOTOUCH
#define UMA_ZONE_NOFREE KHELP_UMA_ZONE_NOFREE
#define UMA_ZONE_MTXCLASS KHELP_UMA_ZONE_MTXCLASS
#define UMA_ZONE_VM KHELP_UMA_ZONE_VM
#define UMA_ZONE_NOTPAGE KHELP_UMA_ZONE_NOTPAGE
#define UMA_ZONE_NOBUCKET KHELP_UMA_ZONE_NOBUCKET
#define UMA_ZONE_MAXBUCKET KHELP_UMA_ZONE_MAXBUCKET
#define UMA_ZONE_CACHESPREAD KHELP_UMA_ZONE_CACHESPREAD
#define UMA_ZONE_NODUMP KHELP_UMA_ZONE_NODUMP
#define UMA_ZONE_PCPU KHELP_UMA_ZONE_PCPU
#define UMA_ZONE_FIRSTTOUCH KHELP_UMA_ZONE_FIRSTTOUCH
#define UMA_ZONE_ROUNDROBIN KHELP_UMA_ZONE_ROUNDROBIN
#define UMA_ZONE_SMR KHELP_UMA_ZONE_SMR

#define UMA_RECLAIM_DRAIN KHELP_UMA_RECLAIM_DRAIN
#define UMA_RECLAIM_DRAIN_CPU KHELP_UMA_RECLAIM_DRAIN_CPU
#define UMA_RECLAIM_TRIM KHELP_UMA_RECLAIM_TRIM

typedef khelp_uma_zone_t uma_zone_t;
typedef khelp_uma_ctor uma_ctor;
typedef khelp_uma_dtor uma_dtor;
typedef khelp_uma_init uma_init;
typedef khelp_uma_fini uma_fini;
typedef void (*uma_maxaction_t)(uma_zone_t, int);

/// NULL: no memory (the kernel's waits for some).
static inline uma_zone_t uma_zcreate(const char* name, size_t size, uma_ctor ctor, uma_dtor dtor,
                                     uma_init uminit, uma_fini fini, int align, uint32_t flags) {
  return khelp_uma_zcreate(name, size, ctor, dtor, uminit, fini, align, flags);
}

static inline void uma_zdestroy(uma_zone_t zone) {
  khelp_uma_zdestroy(zone);
}

/// libkhelp's: EBUSY while items are out.
static inline int uma_zdestroy_checked(uma_zone_t zone) {
  return khelp_uma_zdestroy_checked(zone);
}

static inline void* uma_zalloc_arg(uma_zone_t zone, void* arg, int flags) {
  return khelp_uma_zalloc_arg(zone, arg, flags);
}

static inline void* uma_zalloc(uma_zone_t zone, int flags) {
  return khelp_uma_zalloc(zone, flags);
}

static inline void uma_zfree_arg(uma_zone_t zone, void* item, void* arg) {
  khelp_uma_zfree_arg(zone, item, arg);
}

static inline void uma_zfree(uma_zone_t zone, void* item) {
  khelp_uma_zfree(zone, item);
}

static inline int uma_zone_set_max(uma_zone_t zone, int items) {
  return khelp_uma_zone_set_max(zone, items);
}

static inline int uma_zone_get_max(uma_zone_t zone) {
  return khelp_uma_zone_get_max(zone);
}

static inline void uma_zone_set_maxcache(uma_zone_t zone, int items) {
  khelp_uma_zone_set_maxcache(zone, items);
}

static inline void uma_zone_set_warning(uma_zone_t zone, const char* warning) {
  khelp_uma_zone_set_warning(zone, warning);
}

static inline void uma_zone_set_maxaction(uma_zone_t zone, uma_maxaction_t action) {
  khelp_uma_zone_set_maxaction(zone, action);
}

static inline void uma_prealloc(uma_zone_t zone, int items) {
  (void)khelp_uma_prealloc(zone, items);
}

static inline void uma_zone_reserve(uma_zone_t zone, int items) {
  khelp_uma_zone_reserve(zone, items);
}

/// 1, or 0 when there is no memory. Address space alone guarantees nothing in a process, so the
/// memory itself is allocated.
static inline int uma_zone_reserve_kva(uma_zone_t zone, int items) {
  return khelp_uma_prealloc(zone, items) == 0;
}

static inline int uma_zone_get_cur(uma_zone_t zone) {
  return khelp_uma_zone_get_cur(zone);
}

static inline int uma_zone_exhausted(uma_zone_t zone) {
  return khelp_uma_zone_exhausted(zone);
}

static inline void uma_zone_reclaim(uma_zone_t zone, int how) {
  khelp_uma_zone_reclaim(zone, how);
}

static inline void uma_reclaim(int how) {
  khelp_uma_reclaim(how);
}

#endif
