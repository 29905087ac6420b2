/// An LTTng-UST tracepoint that nobody records.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "callbacks.hpp"
#include "peers/lttng_ust_tick.h"

namespace {

struct lttng_point {
  void run(tick& event, khelp_osd* object) {
    lttng_ust_tracepoint(khelp_bench, tick, event.number, object);
  }
};

const adds_rows lttng{idle<lttng_point>("LTTng-UST tracepoint")};

}  // namespace
