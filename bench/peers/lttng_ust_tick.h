// The tracepoint, in the form that LTTng-UST reads several times over.
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER khelp_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "peers/lttng_ust_tick.h"

#if !defined(LTTNG_UST_TICK_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define LTTNG_UST_TICK_H

#include <lttng/tracepoint.h>

LTTNG_UST_TRACEPOINT_EVENT(khelp_bench, tick, LTTNG_UST_TP_ARGS(long, number, void*, slots),
                           LTTNG_UST_TP_FIELDS(lttng_ust_field_integer(long, number, number)
                                                   lttng_ust_field_integer_hex(void*, slots,
                                                                               slots)))

#endif

#include <lttng/tracepoint-event.h>
