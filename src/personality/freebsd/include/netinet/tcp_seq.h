/// Comparing sequence numbers and timestamps, both of which wrap; and the clock that hooks read.
#ifndef KHELP_FREEBSD_NETINET_TCP_SEQ_H
#define KHELP_FREEBSD_NETINET_TCP_SEQ_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/clock.h>

/// The way from b to a, the short way round.
#define KHELP_SERIAL_DIFFERENCE(a, b) ((int32_t)((uint32_t)(a) - (uint32_t)(b)))

#define SEQ_LT(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) < 0)
#define SEQ_LEQ(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) <= 0)
#define SEQ_GT(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) > 0)
#define SEQ_GEQ(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) >= 0)
#define SEQ_SUB(a, b) KHELP_SERIAL_DIFFERENCE(a, b)
#define SEQ_MIN(a, b) (SEQ_LT(a, b) ? (a) : (b))
#define SEQ_MAX(a, b) (SEQ_GT(a, b) ? (a) : (b))

#define TSTMP_LT(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) < 0)
#define TSTMP_GT(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) > 0)
#define TSTMP_GEQ(a, b) (KHELP_SERIAL_DIFFERENCE(a, b) >= 0)

/// Milliseconds on this thread's clock: capture time while a capture is replayed.
static inline uint32_t tcp_ts_getticks(void) {
  return khelp_clock_ticks();
}

#endif
