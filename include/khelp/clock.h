/// Time as hooks see it: the monotonic clock, or a virtual one that the thread's driver sets.
///
/// A replayed capture carries its own time. The thread that replays it sets its virtual clock to
/// each packet's capture time, and everything below reads that instead of the wall.
#ifndef KHELP_CLOCK_H
#define KHELP_CLOCK_H

#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

/// Now, on this thread's clock.
///
/// Units    nanoseconds: since an arbitrary start (monotonic), or whatever the virtual clock was
///          set to.
/// Context  any thread, also inside hooks and signal handlers. Wait-free.
/// Cost     virtual: one thread-local load. Monotonic: clock_gettime().
KHELP_API int64_t khelp_clock_ns(void) KHELP_NOTHROW;

/// Now in milliseconds, as a 32-bit tick count that wraps.
///
/// Source   FreeBSD tcp_ts_getticks(): uptime in milliseconds.
KHELP_API uint32_t khelp_clock_ticks(void) KHELP_NOTHROW;

/// Give this thread a virtual clock that stands at `ns` until the next call.
KHELP_API void khelp_clock_set(int64_t ns) KHELP_NOTHROW;

/// Take this thread's virtual clock away: it reads the monotonic clock again.
KHELP_API void khelp_clock_reset(void) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
