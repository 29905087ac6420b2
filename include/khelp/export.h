/// Linkage and attribute macros shared by every contract header.
#ifndef KHELP_EXPORT_H
#define KHELP_EXPORT_H

#ifdef __cplusplus
#define KHELP_BEGIN_DECLS extern "C" {
#define KHELP_END_DECLS }
#define KHELP_NOTHROW noexcept
#define KHELP_STATIC_ASSERT(condition, words) static_assert(condition, words)
#else
#define KHELP_BEGIN_DECLS
#define KHELP_END_DECLS
#define KHELP_NOTHROW __attribute__((nothrow))
#define KHELP_STATIC_ASSERT(condition, words) _Static_assert(condition, words)
#endif

/// A name the shared library exports. Everything else is hidden.
#define KHELP_API __attribute__((visibility("default")))
/// One that is called so often that a jump counts: its caller calls it directly, not through the
/// procedure linkage table, where the compiler can (g++; clang can with -fno-plt for all).
#if __has_attribute(noplt)
#define KHELP_API_HOT KHELP_API __attribute__((noplt))
#else
#define KHELP_API_HOT KHELP_API
#endif

#define KHELP_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define KHELP_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#define KHELP_CONCAT_(a, b) a##b
#define KHELP_CONCAT(a, b) KHELP_CONCAT_(a, b)
#define KHELP_STRING_(a) #a
#define KHELP_STRING(a) KHELP_STRING_(a)

#endif
