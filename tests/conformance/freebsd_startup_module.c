/* A module with everything that has a place in the start-up order. What happens is noted in the
 * program. FAIL_LOAD: its event handler refuses. THROW_AT: a start function throws (the program's
 * C++ does it for us). */
#include <net/vnet.h>
#include <sys/errno.h>
#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

#include "freebsd_startup.h"

VNET_DEFINE(int, limit) = 40;
#define V_limit VNET(limit)
VNET_DEFINE_STATIC(int, begun);
#define V_begun VNET(begun)

static void note(void* words) {
  startup_note(words);
}

/* Against their order; the two at one place stay as they are written. */
SYSINIT(last, SI_SUB_PSEUDO, SI_ORDER_ANY, note, "start pseudo any");
SYSINIT(second, SI_SUB_PSEUDO, SI_ORDER_FIRST, note, "start pseudo first");
SYSINIT(third, SI_SUB_PSEUDO, SI_ORDER_FIRST, note, "start pseudo first too");
SYSINIT(first, SI_SUB_CPU, SI_ORDER_ANY, note, "start cpu");
SYSINIT(never, SI_SUB_DUMMY, SI_ORDER_FIRST, note, "start dummy");
SYSUNINIT(first, SI_SUB_CPU, SI_ORDER_ANY, note, "end cpu");
SYSUNINIT(second, SI_SUB_PSEUDO, SI_ORDER_FIRST, note, "end pseudo first");
SYSUNINIT(third, SI_SUB_PSEUDO, SI_ORDER_FIRST, note, "end pseudo first too");
SYSUNINIT(last, SI_SUB_PSEUDO, SI_ORDER_ANY, note, "end pseudo any");

static void begin(void* unused __unused) {
  V_begun++;
  startup_instance("begin", curvnet->vnet_serial, V_limit, V_begun);
  V_limit += 2;
}
VNET_SYSINIT(begin, SI_SUB_PROTO_DOMAIN, SI_ORDER_ANY, begin, NULL);

static void end(void* unused __unused) {
  startup_instance("end", curvnet->vnet_serial, V_limit, V_begun);
}
VNET_SYSUNINIT(end, SI_SUB_PROTO_DOMAIN, SI_ORDER_ANY, end, NULL);

#ifdef THROW_AT
static void throwing(void* unused __unused) {
  startup_throw();
}
SYSINIT(throwing, THROW_AT, SI_ORDER_ANY, throwing, NULL);
SYSUNINIT(throwing, THROW_AT, SI_ORDER_ANY, note, "end of what threw");
#endif

static int event(module_t module __unused, int what, void* unused __unused) {
  switch (what) {
    case MOD_LOAD:
      startup_note(IS_DEFAULT_VNET(curvnet) ? "load" : "load where?");
#ifdef FAIL_LOAD
      return ENXIO;
#else
      return 0;
#endif
    case MOD_UNLOAD:
      startup_note("unload");
      return 0;
    default:
      return EOPNOTSUPP;
  }
}

static moduledata_t data = {"startup", event, NULL};
DECLARE_MODULE(startup, data, SI_SUB_DRIVERS, SI_ORDER_ANY);
