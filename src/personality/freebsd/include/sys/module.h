/// module(9): what a module is called, which versions it offers and needs, who handles its events;
/// and which modules are loaded.
///
/// The macros emit the passive records of <khelp/module.h>: a loader reads them from the file's
/// bytes before any code of the module runs.
#ifndef KHELP_FREEBSD_SYS_MODULE_H
#define KHELP_FREEBSD_SYS_MODULE_H

#include <errno.h>
#include <khelp_names.h>
#include <string.h>
#include <sys/kernel.h>
#include <sys/param.h>

#include <khelp/khelp.h>
#include <khelp/linker.h>
#include <khelp/module.h>

#define MAXMODNAME KHELP_MODULE_NAME_MAX

typedef enum modeventtype {
  MOD_LOAD = KHELP_MOD_LOAD,
  MOD_UNLOAD = KHELP_MOD_UNLOAD,
  MOD_SHUTDOWN = KHELP_MOD_SHUTDOWN,
  MOD_QUIESCE = KHELP_MOD_QUIESCE
} modeventtype_t;

_Static_assert(__FreeBSD_version == KHELP_KERNEL_VERSION,
               "programs offer the version of the kernel that modules are compiled for");

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

/// The last version of the kernel's branch that a module is compiled for.
#define MODULE_KERNEL_MAXVER ((__FreeBSD_version + 99999) / 100000 * 100000 - 1)
#define KHELP_KERNEL_RECORD(tag_, name_, maximum_)                                     \
  KHELP_DEPEND_RECORD(khelp_modinfo_kernel_##tag_, name_, "kernel", __FreeBSD_version, \
                      __FreeBSD_version, maximum_)

/// Declare a module; `data_` is its moduledata_t. It needs the kernel it was compiled for, or a
/// later one of the same branch; every record also carries KHELP_ABI, which must match exactly.
#define DECLARE_MODULE(name_, data_, subsystem_, order_)    \
  KHELP_KERNEL_RECORD(name_, #name_, MODULE_KERNEL_MAXVER); \
  KHELP_MODULE_RECORD(khelp_modinfo_module_##name_, #name_, data_, subsystem_, order_)

/// The same for exactly this version of the kernel.
#define DECLARE_MODULE_TIED(name_, data_, subsystem_, order_) \
  KHELP_KERNEL_RECORD(name_, #name_, __FreeBSD_version);      \
  KHELP_MODULE_RECORD(khelp_modinfo_module_##name_, #name_, data_, subsystem_, order_)

/// The file offers this version of the module's interface.
#define MODULE_VERSION(name_, version_) \
  KHELP_VERSION_RECORD(khelp_modinfo_version_##name_, #name_, version_)

/// The module needs another one, in a version from minimum to maximum.
#define MODULE_DEPEND(name_, on_, minimum_, preferred_, maximum_)                                  \
  KHELP_DEPEND_RECORD(khelp_modinfo_depend_##name_##_on_##on_, #name_, #on_, minimum_, preferred_, \
                      maximum_)

/* ---- looking at loaded modules: modnext(2), modstat(2), modfind(2) ---- */

/// What a module may tell of itself with module_setspecific(), which is not provided: 0.
typedef union modspecific {
  int intval;
  unsigned int uintval;
  long longval;
  unsigned long ulongval;
} modspecific_t;

struct module_stat {
  int version; /**< sizeof(struct module_stat), set by the caller */
  char name[MAXMODNAME];
  int refs;
  int id;
  modspecific_t data;
};

/* These answer -1 and set errno, as system calls do. */

/// The module after this one in load order; 0 begins, and ends.
static inline int modnext(int modid) {
  int32_t next = 0;
  errno = khelp_mod_next(modid, &next);
  return errno != 0 ? -1 : next;
}

/// The module of the same file that was loaded before this one; 0: none.
static inline int modfnext(int modid) {
  int32_t next = 0;
  errno = khelp_mod_next_in_file(modid, &next);
  return errno != 0 ? -1 : next;
}

static inline int modfind(const char* name) {
  int32_t id = 0;
  errno = khelp_mod_find(name, &id);
  return errno != 0 ? -1 : id;
}

static inline int modstat(int modid, struct module_stat* stat) {
  struct khelp_mod_info info;
  if (stat->version != (int)sizeof *stat) {
    errno = EINVAL;
    return -1;
  }
  info.size = sizeof info;
  errno = khelp_mod_stat(modid, &info);
  if (errno != 0)
    return -1;
  memcpy(stat->name, info.name, sizeof stat->name);
  stat->refs = (int)info.references;
  stat->id = info.id;
  stat->data.ulongval = 0;
  return 0;
}

#endif
