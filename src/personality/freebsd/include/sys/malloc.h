/// malloc(9): typed memory. Each function is its namesake in <khelp/malloc.h>, which documents it.
///
/// With the C library's numbers of arguments the names are the C library's: host headers and code
/// that calls them may be mixed in.
#ifndef KHELP_FREEBSD_SYS_MALLOC_H
#define KHELP_FREEBSD_SYS_MALLOC_H

#include <khelp_names.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/param.h>

#include <khelp/malloc.h>

#define M_NOWAIT KHELP_M_NOWAIT
#define M_WAITOK KHELP_M_WAITOK
#define M_ZERO KHELP_M_ZERO
#define M_NOVM KHELP_M_NOVM
#define M_USE_RESERVE KHELP_M_USE_RESERVE
#define M_NODUMP KHELP_M_NODUMP
#define M_EXEC KHELP_M_EXEC

/// A type, as an array of one: its name is its address. It ends with the module that defines it.
#define MALLOC_DEFINE(type_, name_, words_)                                              \
  struct malloc_type type_[1] = {{.khm_name = (name_), .khm_words = (words_)}};          \
  __attribute__((destructor)) static void KHELP_CONCAT(khelp_malloc_end_, type_)(void) { \
    khelp_malloc_type_end(type_);                                                        \
  }                                                                                      \
  struct khelp_malloc_defined
#define MALLOC_DECLARE(type_) extern struct malloc_type type_[1]

/* The kernel's own. */
#define M_DEVBUF khelp_malloc_numbered(2)
#define M_TEMP khelp_malloc_numbered(80)

#define KHELP_MALLOC_THIRD(a, b, third, ...) third
#define KHELP_MALLOC_FOURTH(a, b, c, fourth, ...) fourth
#define KHELP_MALLOC_FIFTH(a, b, c, d, fifth, ...) fifth

/// malloc(size, type, flags)
#define malloc(...) KHELP_MALLOC_FOURTH(__VA_ARGS__, khelp_malloc, malloc, malloc, )(__VA_ARGS__)
/// free(block, type)
#define free(...) KHELP_MALLOC_THIRD(__VA_ARGS__, khelp_free, free, )(__VA_ARGS__)
/// realloc(block, size, type, flags)
#define realloc(...) KHELP_MALLOC_FIFTH(__VA_ARGS__, khelp_realloc, realloc, realloc, )(__VA_ARGS__)
#define malloc_usable_size(block) khelp_malloc_usable_size(block)

static inline void* reallocf(void* block, size_t size, struct malloc_type* type, int flags) {
  return khelp_reallocf(block, size, type, flags);
}

static inline void* mallocarray(size_t count, size_t size, struct malloc_type* type, int flags) {
  return khelp_mallocarray(count, size, type, flags);
}

static inline void zfree(void* block, struct malloc_type* type) {
  khelp_zfree(block, type);
}

#endif
