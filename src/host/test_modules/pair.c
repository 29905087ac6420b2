/* Two FreeBSD modules in one file, with handlers of their own. The second one vetoes what the test
 * tells it to, through the environment: KHELP_TEST_VETO is load, quiesce or unload. */
#include <sys/errno.h>
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

void loader_test_note(const char* words);
const char* loader_test_veto(void);

static const char* const events[][2] = {
    {"first load", "second load"},
    {"first unload", "second unload"},
    {"first shutdown", "second shutdown"},
    {"first quiesce", "second quiesce"},
};

static int first_event(module_t m, int event, void* arg) {
  (void)m;
  (void)arg;
  if (event > MOD_QUIESCE)
    return EOPNOTSUPP;
  loader_test_note(events[event][0]);
  return 0;
}

static int second_event(module_t m, int event, void* arg) {
  (void)m;
  (void)arg;
  if (event > MOD_QUIESCE)
    return EOPNOTSUPP;
  loader_test_note(events[event][1]);
  switch (loader_test_veto()[0]) {
    case 'l':
      return event == MOD_LOAD ? ENXIO : 0;
    case 'q':
      return event == MOD_QUIESCE ? EBUSY : 0;
    case 'u':
      return event == MOD_UNLOAD ? EBUSY : 0;
    default:
      return 0;
  }
}

static moduledata_t first_data = {"first", first_event, NULL};
static moduledata_t second_data = {"second", second_event, NULL};

/* Declared against their order: the earlier subsystem is loaded first. */
DECLARE_MODULE(second, second_data, SI_SUB_DRIVERS, SI_ORDER_ANY);
DECLARE_MODULE(first, first_data, SI_SUB_KLD, SI_ORDER_ANY);
MODULE_VERSION(second, 7);
MODULE_DEPEND(first, second, 7, 7, 7);
