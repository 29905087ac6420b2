/// A module that is no helper: it tells the test of every event, and answers what the test says.
#include "freebsd_plain_module.h"

#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

static int plain_event(struct module* module, int event, void* arg) {
  struct plain_event told = {event, *(int*)arg, 0};
  (void)module;
  HHOOKS_RUN_LOOKUP_IF(PLAIN_POINT_TYPE, PLAIN_POINT_ID, &told, NULL);
  return told.answer;
}

static int plain_argument = PLAIN_ARGUMENT;
static moduledata_t plain_data = {.name = "plain", .evhand = plain_event, .priv = &plain_argument};
DECLARE_MODULE(plain, plain_data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
MODULE_VERSION(plain, 7);
