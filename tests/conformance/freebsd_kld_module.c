/// A module for the tests of kldload(2), in many shapes: NAME; OFFERS, VERSION: the interface; NEEDS,
/// MINIMUM, PREFERRED, MAXIMUM: a dependency; SECOND: another module in the same file, which the
/// first one needs.
#include "freebsd_kld_module.h"

#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

#define STRING(name) STRING_OF(name)
#define STRING_OF(name) #name
// Once more round, so that NAME and its like are what they stand for.
#define DECLARE(...) DECLARE_MODULE(__VA_ARGS__)
#define VERSION_OF(...) MODULE_VERSION(__VA_ARGS__)
#define DEPEND(...) MODULE_DEPEND(__VA_ARGS__)

__attribute__((visibility("default"))) const char kld_test_name[16] = STRING(NAME);

static int event(module_t module, int what, void* arg) {
  (void)module;
  return kld_test_event(arg, what);
}

static moduledata_t first = {STRING(NAME), event, STRING(NAME)};
DECLARE(NAME, first, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
#ifdef OFFERS
VERSION_OF(OFFERS, VERSION);
#endif
#ifdef NEEDS
DEPEND(NAME, NEEDS, MINIMUM, PREFERRED, MAXIMUM);
#endif

#ifdef SECOND
static moduledata_t second = {STRING(SECOND), event, STRING(SECOND)};
DECLARE(SECOND, second, SI_SUB_DRIVERS, SI_ORDER_ANY);
VERSION_OF(SECOND, 1);
DEPEND(NAME, SECOND, 1, 1, 1);
#endif
