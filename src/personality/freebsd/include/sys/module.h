/// module(9): what a module is called, which versions it offers and needs, who handles its events.
///
/// The macros emit the passive records of <khelp/module.h>: a loader reads them from the file's
/// bytes before any code of the module runs.
#ifndef KHELP_FREEBSD_SYS_MODULE_H
#define KHELP_FREEBSD_SYS_MODULE_H

#include <khelp_names.h>
#include <sys/kernel.h>
#include <sys/param.h>

#include <khelp/khelp.h>
#include <khelp/module.h>

#define MAXMODNAME KHELP_MODULE_NAME_MAX

typedef enum modeventtype {
  MOD_LOAD = KHELP_MOD_LOAD,
  MOD_UNLOAD = KHELP_MOD_UNLOAD,
  MOD_SHUTDOWN = KHELP_MOD_SHUTDOWN,
  MOD_QUIESCE = KHELP_MOD_QUIESCE
} modeventtype_t;

typedef struct module* module_t;
typedef int (*modeventhand_t)(module_t, int, void*);

/// The contract's struct khelp_moduledata, with the handler's type that FreeBSD modules are written
/// for.
typedef struct moduledata {
  const char* name;
  modeventhand_t evhand; /**< NULL: loads, refuses to unload */
  void* priv;
} moduledata_t;
_Static_assert(sizeof(moduledata_t) == sizeof(struct khelp_moduledata) &&
                   offsetof(moduledata_t, evhand) == offsetof(struct khelp_moduledata, evhand) &&
                   offsetof(moduledata_t, priv) == offsetof(struct khelp_moduledata, priv),
               "moduledata_t is struct khelp_moduledata");

/* The records, with the name as a string: a macro above may have to pass a name on that is also one
 * of khelp_names.h, and only # and ## leave it alone. */
#define KHELP_MODULE_RECORD(variable_, name_, data_, subsystem_, order_)                    \
  _Static_assert(sizeof(name_) <= MAXMODNAME, "a module's name has at most 31 characters"); \
  static struct khelp_modinfo_module variable_ KHELP_MODINFO_ATTRIBUTE = {                  \
      .header = KHELP_MODINFO_HEADER(KHELP_MODINFO_MODULE, struct khelp_modinfo_module),    \
      .name = name_,                                                                        \
      .personality = KHELP_PERSONALITY_FREEBSD,                                             \
      .subsystem = (subsystem_),                                                            \
      .order = (order_),                                                                    \
      .data = &(data_)}
#define KHELP_VERSION_RECORD(variable_, name_, version_)                                    \
  _Static_assert(sizeof(name_) <= MAXMODNAME, "a module's name has at most 31 characters"); \
  static struct khelp_modinfo_version variable_ KHELP_MODINFO_ATTRIBUTE = {                 \
      .header = KHELP_MODINFO_HEADER(KHELP_MODINFO_VERSION, struct khelp_modinfo_version),  \
      .name = name_,                                                                        \
      .version = (version_)}
#define KHELP_DEPEND_RECORD(variable_, name_, on_, minimum_, preferred_, maximum_)       \
  _Static_assert(sizeof(name_) <= MAXMODNAME && sizeof(on_) <= MAXMODNAME,               \
                 "a module's name has at most 31 characters");                           \
  static struct khelp_modinfo_depend variable_ KHELP_MODINFO_ATTRIBUTE = {               \
      .header = KHELP_MODINFO_HEADER(KHELP_MODINFO_DEPEND, struct khelp_modinfo_depend), \
      .module = name_,                                                                   \
      .name = on_,                                                                       \
      .minimum = (minimum_),                                                             \
      .preferred = (preferred_),                                                         \
      .maximum = (maximum_)}

/// Declare a module; `data_` is its moduledata_t. Every record also carries KHELP_ABI, which must
/// match exactly: it stands for the original's implicit dependency on the kernel's version.
#define DECLARE_MODULE(name_, data_, subsystem_, order_) \
  KHELP_MODULE_RECORD(khelp_modinfo_module_##name_, #name_, data_, subsystem_, order_)

/// "Exactly this build of the kernel": every module is tied, by KHELP_ABI.
#define DECLARE_MODULE_TIED(name_, data_, subsystem_, order_) \
  KHELP_MODULE_RECORD(khelp_modinfo_module_##name_, #name_, data_, subsystem_, order_)

/// The file offers this version of the module's interface.
#define MODULE_VERSION(name_, version_) \
  KHELP_VERSION_RECORD(khelp_modinfo_version_##name_, #name_, version_)

/// The module needs another one, in a version from minimum to maximum.
#define MODULE_DEPEND(name_, on_, minimum_, preferred_, maximum_)                                  \
  KHELP_DEPEND_RECORD(khelp_modinfo_depend_##name_##_on_##on_, #name_, #on_, minimum_, preferred_, \
                      maximum_)

#endif
