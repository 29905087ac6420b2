/// A module without an event handler: it loads, and stays.
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

static moduledata_t silent_data = {.name = "silent"};
DECLARE_MODULE(silent, silent_data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
