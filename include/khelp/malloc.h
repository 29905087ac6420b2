/// Typed memory: malloc(9), which accounts for what each type has out.
///
/// The memory is the C library's. A type counts its objects and bytes, per thread, so that counting
/// costs no shared line; reading adds up.
#ifndef KHELP_MALLOC_H
#define KHELP_MALLOC_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>
#include <khelp/uma.h>

KHELP_BEGIN_DECLS

/// A type of memory: static, with a name; the rest starts zeroed. It is known from its first use.
struct khelp_malloc_type {
  const char* khm_name;  /**< a word or two, for tables; NULL: "unnamed" */
  const char* khm_words; /**< what it is for; or NULL */
  void* khm_record;      /**< the library's */
};
#ifdef __cplusplus
#define KHELP_MALLOC_TYPE_INITIALIZER(name, words) \
  { name, words, nullptr }
#else
#define KHELP_MALLOC_TYPE_INITIALIZER(name, words) \
  { name, words, NULL }
#endif

/// With KHELP_M_WAITOK: NULL where the process would be ended.
#define KHELP_M_NULL 0x10000

/// Allocate, aligned to 16 bytes. Size 0 gives an address of its own.
///
/// Shape    type:  not NULL; khelp_malloc_numbered() has one for those who have none.
///          flags: KHELP_M_NOWAIT or KHELP_M_WAITOK (also 0), and perhaps KHELP_M_ZERO and
///                 KHELP_M_NULL. Other KHELP_M_... do nothing here.
/// Context  any thread, no signal handler. WAITOK waits for memory: for pauses of 1, 2, 4 … 512 ms, 1.023 s
///          in all. Before each it has free items of zones given back, after each it tries again.
///          It is no cancellation point.
/// Cost     the C library's malloc, 16 bytes for each block, and some 115 instructions.
/// Errors   NULL: NOWAIT, or with NULL, and no memory. With WAITOK alone no memory ends the process,
///          with words on the log and on standard error.
/// Source   FreeBSD malloc(9), Darwin _MALLOC().
KHELP_API void* khelp_malloc(size_t size, struct khelp_malloc_type* type, int flags);
/// khelp_malloc() of count * size bytes; a product that does not fit is memory that cannot be had.
KHELP_API void* khelp_mallocarray(size_t count, size_t size, struct khelp_malloc_type* type,
                                  int flags);

/// Change a block's size; NULL is khelp_malloc(). The type must be the block's.
///
/// Errors   as khelp_malloc(); the block then stays as it was.
/// Source   FreeBSD realloc(9).
KHELP_API void* khelp_realloc(void* block, size_t size, struct khelp_malloc_type* type, int flags);
/// The same, but a failure frees the block.
KHELP_API void* khelp_reallocf(void* block, size_t size, struct khelp_malloc_type* type, int flags);

/// Free; NULL is a no-op. A block is always accounted to the type it was allocated with; another
/// one given here is counted, and logged when debugging is on (D-1).
///
/// Source   FreeBSD free(9), Darwin _FREE(), which ignores the type.
KHELP_API void khelp_free(void* block, struct khelp_malloc_type* type);
/// Overwrite with zeroes, then free. Source: FreeBSD zfree(9).
KHELP_API void khelp_zfree(void* block, struct khelp_malloc_type* type);
/// How many bytes the block was asked for; 0 for NULL.
KHELP_API size_t khelp_malloc_usable_size(const void* block) KHELP_NOTHROW;

/// Forget a type, whose struct is about to go (a module's, at its unload). What is still out is
/// logged; it can be freed later, and stays in the statistics as "NAME (ended)".
KHELP_API void khelp_malloc_type_end(struct khelp_malloc_type* type);

/// The type with one of Darwin's numbers. Published ones have names; any other number of 0 to 127
/// is "type N", and all others share one type.
KHELP_API struct khelp_malloc_type* khelp_malloc_numbered(int number) KHELP_NOTHROW;

/// Log each free with a wrong type, or not. At first: on in debugging builds of the library; the
/// environment's KHELP_MALLOC_DEBUG=0 or 1 decides in a process that is not set-id.
KHELP_API void khelp_malloc_set_debug(int on) KHELP_NOTHROW;

/// What vmstat -m shows, per type.
struct khelp_malloc_stat {
  uint32_t size; /**< sizeof(struct khelp_malloc_stat) */
  uint32_t reserved;
  uint64_t in_use;     /**< blocks out: requests - failures - frees */
  uint64_t bytes;      /**< of these, as asked for */
  uint64_t high_water; /**< most bytes ever out. Exact while one thread uses the type; with more it
                            is never below the truth, and at most 1/64 of it, or 512 bytes, above
                            for each thread */
  uint64_t requests;
  uint64_t frees;
  uint64_t failures;
  uint64_t mismatches; /**< frees of its blocks under another type */
  uint64_t sizes;      /**< bit n: blocks of up to 2^n bytes were asked for */
  const char* name;    /**< strings live as long as the callback */
  const char* words;
};
/// Call fn for every type used so far, oldest first, with no lock held. Reading stops nobody.
/// Errors: ENOMEM.
KHELP_API int khelp_malloc_stats(void (*fn)(void* arg, const struct khelp_malloc_stat* stat),
                                 void* arg);
/// The same for one type, without strings; all zero before its first use.
KHELP_API void khelp_malloc_type_stat(const struct khelp_malloc_type* type,
                                      struct khelp_malloc_stat* stat) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
