// Clang's thread-safety attributes under our prefix. g++ reads them as nothing; the `analyze`
// preset turns every violation into an error.
#pragma once

#if defined(__clang__)
#define KHELP_TSA(x) __attribute__((x))
#else
#define KHELP_TSA(x)
#endif

#define KHELP_CAPABILITY(name) KHELP_TSA(capability(name))
#define KHELP_SCOPED_CAPABILITY KHELP_TSA(scoped_lockable)
#define KHELP_GUARDED_BY(x) KHELP_TSA(guarded_by(x))
#define KHELP_PT_GUARDED_BY(x) KHELP_TSA(pt_guarded_by(x))
#define KHELP_REQUIRES(...) KHELP_TSA(requires_capability(__VA_ARGS__))
#define KHELP_ACQUIRE(...) KHELP_TSA(acquire_capability(__VA_ARGS__))
#define KHELP_RELEASE(...) KHELP_TSA(release_capability(__VA_ARGS__))
#define KHELP_TRY_ACQUIRE(...) KHELP_TSA(try_acquire_capability(__VA_ARGS__))
#define KHELP_EXCLUDES(...) KHELP_TSA(locks_excluded(__VA_ARGS__))
#define KHELP_ACQUIRED_BEFORE(...) KHELP_TSA(acquired_before(__VA_ARGS__))
#define KHELP_ACQUIRED_AFTER(...) KHELP_TSA(acquired_after(__VA_ARGS__))
#define KHELP_NO_TSA KHELP_TSA(no_thread_safety_analysis)
