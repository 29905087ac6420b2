/// A USDT probe: a nop, and a note where it is. Listening is patching it from outside.
#include <sys/sdt.h>

#include "callbacks.hpp"

namespace {

struct usdt_point {
  void run(tick& event, khelp_osd* object) { DTRACE_PROBE2(khelp_bench, tick, &event, object); }
};

const adds_rows usdt{idle<usdt_point>("USDT probe")};

}  // namespace
