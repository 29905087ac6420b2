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
/// What it throws goes to the log; a cancellation of the thread waits for its end.
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

/// How to reclaim.
#define KHELP_UMA_RECLAIM_DRAIN 1     /**< what all threads share; their own caches stay */
#define KHELP_UMA_RECLAIM_DRAIN_CPU 2 /**< threads' caches too: all free memory */
#define KHELP_UMA_RECLAIM_TRIM 3      /**< only what was not needed since the last trim */

/// Debug levels (khelp_uma_set_debug(), or KHELP_UMA_DEBUG=0, 1 or 2 in the environment of a
/// process that is not set-id). What is found is logged, written to standard error, and ends the
/// process.
#define KHELP_UMA_DEBUG_OFF 0
#define KHELP_UMA_DEBUG_BITMAP 1 /**< double free, foreign pointer, wrong zone */
#define KHELP_UMA_DEBUG_POISON 2 /**< and writes after free, leak reports with allocation sites */

/// Make a zone.
///
/// Shape    name: copied; zones of one name are told apart by a number in the statistics. align: a
///          mask; whatever it says, an item is aligned to the largest power of two that divides
///          size, capped at 16. flags: KHELP_UMA_ZONE_...
/// Context  any thread; may block.
/// Errors   NULL: no memory, size 0 or above INT_MAX, or a mask that is not a power of two (at most
///          4096) less one (khelp_failure_text()).
/// Source   FreeBSD uma(9) uma_zcreate(), which waits for memory and keeps the caller's name.
KHELP_API khelp_uma_zone_t khelp_uma_zcreate(const char* name, size_t size, khelp_uma_ctor ctor,
                                             khelp_uma_dtor dtor, khelp_uma_init init,
                                             khelp_uma_fini fini, int align, uint32_t flags);

/// End a zone, running fini on its items. Nobody uses it any more, and nobody is in one of its
/// callbacks.
///
/// Items still out are reported to the log with their number (at debug level 1 also their
/// addresses, at 2 their allocation sites); their slabs stay mapped, and fini is not run on them.
/// Context  any thread; blocks while another thread reclaims the zone.
/// Source   FreeBSD uma(9) uma_zdestroy().
KHELP_API void khelp_uma_zdestroy(khelp_uma_zone_t zone);
/// The same. Errors: EBUSY items are out, and the zone goes on.
KHELP_API int khelp_uma_zdestroy_checked(khelp_uma_zone_t zone);

/// Allocate an item.
///
/// Shape    flags: KHELP_M_NOWAIT or KHELP_M_WAITOK, and perhaps KHELP_M_ZERO (zeroes before the
///          ctor: U-1) and KHELP_M_USE_RESERVE. The others of KHELP_M_... do nothing here.
/// Context  any thread, but no signal handler. WAITOK may sleep, on the zone's limit first come
///          first served, or until the system has memory; it is not a cancellation point.
/// Cost     usual case, without ctor and debug level: 14 instructions, no lock, no shared line
///          written.
/// Errors   NULL: with NOWAIT over the limit or no memory; with either when ctor or init refused.
/// Source   FreeBSD uma(9) uma_zalloc_arg().
KHELP_API_HOT void* khelp_uma_zalloc_arg(khelp_uma_zone_t zone, void* arg, int flags);
KHELP_API_HOT void* khelp_uma_zalloc(khelp_uma_zone_t zone, int flags);

/// Free an item, on any thread; NULL is a no-op.
///
/// Context  any thread, but no signal handler. An item whose dtor throws, or in whose dtor the
///          thread is cancelled, is free all the same.
/// Cost     usual case, without dtor and debug level: 14 instructions, as khelp_uma_zalloc().
KHELP_API_HOT void khelp_uma_zfree_arg(khelp_uma_zone_t zone, void* item, void* arg);
KHELP_API_HOT void khelp_uma_zfree(khelp_uma_zone_t zone, void* item);

/// Limit how many items may be out; 0 clears the limit (U-2). Returns the effective limit. Raising
/// it wakes sleepers, as many as there is room for.
///
/// Free items that threads cache never stand in the way of an allocation: before one is refused or
/// sleeps, the caches are emptied, and they stay closed while the zone is near its limit. A zone
/// with a small limit (twice a cache's magazine) has no caches.
/// Source   FreeBSD uma(9) uma_zone_set_max(), whose limit counts cached items and cannot be
///          cleared.
KHELP_API int khelp_uma_zone_set_max(khelp_uma_zone_t zone, int items);
/// 0: none.
KHELP_API int khelp_uma_zone_get_max(khelp_uma_zone_t zone);

/// At most so many free items in what all threads share, and in each thread's own cache.
KHELP_API void khelp_uma_zone_set_maxcache(khelp_uma_zone_t zone, int items);

/// Words to log when the limit is hit ("[zone: NAME] words"), at most once per 300 seconds. Copied;
/// NULL: none. Without memory for the copy they stay as they were (khelp_failure_text()).
KHELP_API void khelp_uma_zone_set_warning(khelp_uma_zone_t zone, const char* warning);
/// The process-wide switch of those warnings: non-zero logs (the default), 0 is silent.
KHELP_API void khelp_uma_set_warnings(int on);

/// A function to call when the limit is hit, by the thread that hit it, with no lock held.
/// `pending` is 1.
///
/// Source   FreeBSD's uma_maxaction_t, which a task calls with the number of its requests.
KHELP_API void khelp_uma_zone_set_maxaction(khelp_uma_zone_t zone,
                                            void (*action)(khelp_uma_zone_t zone, int pending));

/// Allocate slabs for this many items now. Errors: ENOMEM (what was made stays), or init refused.
KHELP_API int khelp_uma_prealloc(khelp_uma_zone_t zone, int items);

/// Keep the last so many free items for KHELP_M_USE_RESERVE requests. Allocates nothing: combine
/// with khelp_uma_prealloc().
KHELP_API void khelp_uma_zone_reserve(khelp_uma_zone_t zone, int items);

/// Items out: approximate while threads allocate, never negative.
KHELP_API int khelp_uma_zone_get_cur(khelp_uma_zone_t zone);
/// Whether somebody sleeps on the limit. 0 or 1.
KHELP_API int khelp_uma_zone_exhausted(khelp_uma_zone_t zone);

/// Give memory of free items back to the system, running fini on them without locks.
///
/// Shape    how: KHELP_UMA_RECLAIM_...
/// Context  any thread, also while others use the zone; not from the zone's own callbacks.
/// Cost     DRAIN_CPU: one process-wide barrier and a look at every thread's cache.
/// Source   FreeBSD uma(9) uma_zone_reclaim().
KHELP_API void khelp_uma_zone_reclaim(khelp_uma_zone_t zone, int how);
/// The same for all zones.
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
  uint64_t cross; /**< magazines of free items that went from one thread to another */
  uint32_t bucket_size;
  uint32_t flags;
  char name[64];
};
/// Call fn for every zone, oldest first, with no lock held. Reading stops nobody. Errors: ENOMEM.
KHELP_API int khelp_uma_stats(void (*fn)(void* arg, const struct khelp_uma_stat* stat), void* arg);

KHELP_END_DECLS

#endif
