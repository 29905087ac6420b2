/// Zones: fixed-size allocation with constructed items, per-thread caches, limits and statistics.
///
/// An item's life: init when its slab is made; ctor at each allocation; dtor at each free; fini
/// when the slab goes. Between dtor and the next ctor it keeps what init made of it.
#ifndef KHELP_UMA_H
#define KHELP_UMA_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

struct khelp_uma_zone;
typedef struct khelp_uma_zone* khelp_uma_zone_t;

/// Called at each allocation, with the caller's arg and flags. Non-zero: the allocation fails
/// (NULL, even with WAITOK). Callbacks run with no lock of the library held.
typedef int (*khelp_uma_ctor)(void* mem, int size, void* arg, int flags);
typedef void (*khelp_uma_dtor)(void* mem, int size, void* arg);
typedef int (*khelp_uma_init)(void* mem, int size, int flags);
typedef void (*khelp_uma_fini)(void* mem, int size);

/// Allocation flags, FreeBSD's values.
#define KHELP_M_NOWAIT 0x0001
#define KHELP_M_WAITOK 0x0002
#define KHELP_M_ZERO 0x0100
#define KHELP_M_NOVM 0x0200
#define KHELP_M_USE_RESERVE 0x0400
#define KHELP_M_NODUMP 0x0800
#define KHELP_M_EXEC 0x4000

/// Alignment masks: alignment minus one.
#define KHELP_UMA_ALIGN_PTR ((int)(sizeof(void*) - 1))
#define KHELP_UMA_ALIGN_LONG ((int)(sizeof(long) - 1))
#define KHELP_UMA_ALIGN_INT ((int)(sizeof(int) - 1))
#define KHELP_UMA_ALIGN_SHORT ((int)(sizeof(short) - 1))
#define KHELP_UMA_ALIGN_CHAR 0
#define KHELP_UMA_ALIGN_CACHE (-1)

/// Zone flags. Those not described are accepted and do nothing here (docs/freebsd.md says why).
#define KHELP_UMA_ZONE_ZINIT 0x0002u /**< init zeroes the item */
#define KHELP_UMA_ZONE_CONTIG 0x0004u
#define KHELP_UMA_ZONE_NOTOUCH 0x0008u /**< no poisoning */
#define KHELP_UMA_ZONE_NOFREE 0x0020u  /**< slabs are never given back */
#define KHELP_UMA_ZONE_MTXCLASS 0x0040u
#define KHELP_UMA_ZONE_VM 0x0080u
#define KHELP_UMA_ZONE_NOTPAGE 0x0100u
#define KHELP_UMA_ZONE_NOBUCKET 0x0400u /**< no per-thread cache */
#define KHELP_UMA_ZONE_MAXBUCKET 0x0800u
#define KHELP_UMA_ZONE_CACHESPREAD 0x2000u
#define KHELP_UMA_ZONE_NODUMP 0x4000u /**< not in core dumps */
#define KHELP_UMA_ZONE_PCPU 0x8000u
#define KHELP_UMA_ZONE_FIRSTTOUCH 0x10000u
#define KHELP_UMA_ZONE_ROUNDROBIN 0x20000u
#define KHELP_UMA_ZONE_SMR 0x40000u
#define KHELP_UMA_ZONE_OWNER \
  0x80000000u /**< ours: every item has a word for its owner (helpers' zones) */

#define KHELP_UMA_RECLAIM_DRAIN 1
#define KHELP_UMA_RECLAIM_DRAIN_CPU 2
#define KHELP_UMA_RECLAIM_TRIM 3

/// Debug levels (khelp_uma_set_debug(), or KHELP_UMA_DEBUG in the environment of a process that is
/// not set-id).
#define KHELP_UMA_DEBUG_OFF 0
#define KHELP_UMA_DEBUG_BITMAP 1 /**< double free, foreign pointer, wrong zone */
#define KHELP_UMA_DEBUG_POISON 2 /**< and writes after free, leak reports with allocation sites */

/// Make a zone.
///
/// Shape    name: copied; duplicates are told apart by a number. align: a mask; whatever it says,
/// an item is
///          aligned to the largest power of two that divides size, capped at 16.
/// Context  any thread; may block.
/// Errors   NULL: no memory, size 0, or a bad alignment (khelp_failure_text()).
/// Source   FreeBSD uma(9) uma_zcreate().
KHELP_API khelp_uma_zone_t khelp_uma_zcreate(const char* name, size_t size, khelp_uma_ctor ctor,
                                             khelp_uma_dtor dtor, khelp_uma_init init,
                                             khelp_uma_fini fini, int align, uint32_t flags);

/// End a zone. Items still out are reported to the log, with their number (and, at debug level 2,
/// addresses and allocation sites); their memory stays mapped.
KHELP_API void khelp_uma_zdestroy(khelp_uma_zone_t zone);
/// The same, refusing with EBUSY while items are out.
KHELP_API int khelp_uma_zdestroy_checked(khelp_uma_zone_t zone);

/// Allocate an item.
///
/// Context  any thread. M_WAITOK may sleep on the zone's limit, first come first served, and for
/// memory. Cost     usual case: no lock, no shared line written. Errors   NULL: with M_NOWAIT over
/// the limit or no memory; with either when ctor failed.
KHELP_API void* khelp_uma_zalloc_arg(khelp_uma_zone_t zone, void* arg, int flags);
KHELP_API void* khelp_uma_zalloc(khelp_uma_zone_t zone, int flags);
/// Free an item; NULL is a no-op. Any thread.
KHELP_API void khelp_uma_zfree_arg(khelp_uma_zone_t zone, void* item, void* arg);
KHELP_API void khelp_uma_zfree(khelp_uma_zone_t zone, void* item);

/// Limit the items out plus cached; 0 clears it (U-2). Returns the effective limit. Raising wakes
/// sleepers.
KHELP_API int khelp_uma_zone_set_max(khelp_uma_zone_t zone, int items);
KHELP_API int khelp_uma_zone_get_max(khelp_uma_zone_t zone);
KHELP_API void khelp_uma_zone_set_maxcache(khelp_uma_zone_t zone, int items);
/// Words to log when the limit is hit, at most once per 300 seconds.
KHELP_API void khelp_uma_zone_set_warning(khelp_uma_zone_t zone, const char* warning);
/// The process-wide switch of those warnings: non-zero logs (the default), 0 is silent.
KHELP_API void khelp_uma_set_warnings(int on);
/// A function to call when the limit is hit, by the thread that hit it, with no lock held.
/// `pending` is 1.
///
/// Source   FreeBSD's uma_maxaction_t, which a task calls with the number of its requests.
KHELP_API void khelp_uma_zone_set_maxaction(khelp_uma_zone_t zone,
                                            void (*action)(khelp_uma_zone_t zone, int pending));
/// Allocate slabs for this many items now. Errors: ENOMEM.
KHELP_API int khelp_uma_prealloc(khelp_uma_zone_t zone, int items);
/// Keep the last so many free items for M_USE_RESERVE requests.
KHELP_API void khelp_uma_zone_reserve(khelp_uma_zone_t zone, int items);
/// Approximate, never negative.
KHELP_API int khelp_uma_zone_get_cur(khelp_uma_zone_t zone);
/// Whether somebody sleeps on the limit.
KHELP_API int khelp_uma_zone_exhausted(khelp_uma_zone_t zone);
KHELP_API void khelp_uma_zone_reclaim(khelp_uma_zone_t zone, int how);
KHELP_API void khelp_uma_reclaim(int how);
/// One of KHELP_UMA_DEBUG_..., for zones created from now on.
KHELP_API void khelp_uma_set_debug(int level);

/// What vmstat -z shows, per zone.
struct khelp_uma_stat {
  uint32_t size; /**< sizeof(struct khelp_uma_stat) */
  uint32_t item_size;
  uint32_t real_size;
  uint32_t limit;
  uint64_t pages;
  uint64_t used; /**< allocs - frees */
  uint64_t free; /**< in slabs and caches */
  uint64_t allocs;
  uint64_t frees;
  uint64_t fails;
  uint64_t sleeps;
  uint64_t cross; /**< freed on another thread's behalf: full magazines that changed threads */
  uint32_t bucket_size;
  uint32_t flags;
  char name[64];
};
/// Call fn for every zone, oldest first, with no lock held. Errors: ENOMEM.
KHELP_API int khelp_uma_stats(void (*fn)(void* arg, const struct khelp_uma_stat* stat), void* arg);

KHELP_END_DECLS

#endif
