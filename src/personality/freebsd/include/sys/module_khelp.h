/// khelp(9), the side of helper modules: what a helper fills in, and how it declares itself.
#ifndef KHELP_FREEBSD_SYS_MODULE_KHELP_H
#define KHELP_FREEBSD_SYS_MODULE_KHELP_H

#include <khelp_names.h>
#include <limits.h>
#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/khelp.h>
#include <sys/module.h>
#include <vm/uma.h>

#define HELPER_NEEDS_OSD KHELP_HELPER_NEEDS_OSD
#define HELPER_ADOPT \
  KHELP_HELPER_ADOPT /* libkhelp's: data for objects older than the helper, too */

/* tag_: the name pasted to something, so that a name which is also one of khelp_names.h survives.
 */
#define KHELP_HELPER_MODULE(tag_, name_, helper_, hooks_, version_, size_, ctor_, dtor_)       \
  _Static_assert(sizeof(name_) <= HELPER_NAME_MAXLEN,                                          \
                 "a helper's name has at most 15 characters");                                 \
  _Static_assert(                                                                              \
      __builtin_types_compatible_p(__typeof__(hooks_), struct hookinfo[]) ||                   \
          __builtin_types_compatible_p(__typeof__(hooks_), void*),                             \
      "hooks are an array of struct hookinfo (not a pointer to one), or NULL for none");       \
  _Static_assert((size_) <= INT_MAX, "a helper's data fits an int");                           \
  static struct khelp_modevent_data khelp_modevent_data_##tag_ = {                             \
      .name = name_,                                                                           \
      .helper = (helper_),                                                                     \
      .hooks = (hooks_),                                                                       \
      .nhooks = sizeof(hooks_) / sizeof(struct hookinfo),                                      \
      .uma_zsize = (size_),                                                                    \
      .umactor = (ctor_),                                                                      \
      .umadtor = (dtor_)};                                                                     \
  static moduledata_t khelp_moduledata_##tag_ = {.name = name_,                                \
                                                 .evhand = (modeventhand_t)khelp_modevent,     \
                                                 .priv = &khelp_modevent_data_##tag_};         \
  KHELP_KERNEL_RECORD(tag_, name_, MODULE_KERNEL_MAXVER);                                      \
  KHELP_MODULE_RECORD(khelp_modinfo_module_##tag_, name_, khelp_moduledata_##tag_, SI_SUB_KLD, \
                      SI_ORDER_ANY);                                                           \
  KHELP_VERSION_RECORD(khelp_modinfo_version_##tag_, name_, version_)

/// Declare a helper module that keeps `size` bytes per object (HELPER_NEEDS_OSD).
///
/// Shape    hname: the bare name, at most 15 characters. hdata: &struct helper. hhooks: an array of
///          struct hookinfo, or NULL for a helper without hooks. ctor, dtor: may be NULL; memory is
///          zeroed before ctor.
/// Source   FreeBSD sys/module_khelp.h. Names too long (K-13), pointers instead of arrays (K-31)
///          and sizes beyond int (K-33) are errors at compile time here.
#define KHELP_DECLARE_MOD_UMA(hname, hdata, hhooks, modversion, size, ctor, dtor) \
  KHELP_HELPER_MODULE(of_##hname, #hname, hdata, hhooks, modversion, size, ctor, dtor)

/// Declare a helper module without per-object data.
#define KHELP_DECLARE_MOD(hname, hdata, hhooks, modversion) \
  KHELP_HELPER_MODULE(of_##hname, #hname, hdata, hhooks, modversion, 0, NULL, NULL)

#endif
