/* A FreeBSD module that exports a function, int NAME_says(void): it says SAYS, or one more than the
 * module ASKS says. NEEDS: a module that it depends on. */
#include <sys/kernel.h>
#include <sys/module.h>
#include <sys/param.h>

#include <khelp/export.h>

#define JOINED(a, b) a##b
#define SAYS_OF(name) JOINED(name, _says)
#define STRING(name) STRING_OF(name)
#define STRING_OF(name) #name
/* Once more round, so that NAME and its like are what they stand for. */
#define DECLARE(...) DECLARE_MODULE(__VA_ARGS__)
#define VERSION_OF(...) MODULE_VERSION(__VA_ARGS__)
#define DEPEND(...) MODULE_DEPEND(__VA_ARGS__)

/* Every module has one of that name: each calls its own. */
KHELP_API const char* own_name(void);
const char* own_name(void) {
  return STRING(NAME);
}

KHELP_API const char* called_name(void);
const char* called_name(void) {
  return own_name();
}

#ifdef ASKS
int SAYS_OF(ASKS)(void);
#define SAYS (SAYS_OF(ASKS)() + 1)
#endif

KHELP_API int SAYS_OF(NAME)(void);
int SAYS_OF(NAME)(void) {
  return SAYS;
}

static int event(module_t module, int what, void* arg) {
  (void)module;
  (void)arg;
  return what == MOD_LOAD || what == MOD_UNLOAD ? 0 : EOPNOTSUPP;
}

static moduledata_t data = {STRING(NAME), event, NULL};
DECLARE(NAME, data, SI_SUB_DRIVERS, SI_ORDER_MIDDLE);
VERSION_OF(NAME, 1);
#ifdef NEEDS
DEPEND(NAME, NEEDS, 1, 1, 1);
#endif
