/// vnet(9): instances, their variables, and the functions that begin and end in each.
///
/// With -DVIMAGE a module knows instances. Without, as in a kernel without VIMAGE, there is one:
/// variables are plain globals, curvnet is NULL, and what asks for an instance gets the default
/// one.
#ifndef KHELP_FREEBSD_NET_VNET_H
#define KHELP_FREEBSD_NET_VNET_H

#include <khelp_names.h>
#include <sys/kernel.h>
#include <sys/param.h>

#include <khelp/error.h>
#include <khelp/log.h>
#include <khelp/vnet.h>

#define VNET_MAGIC_N KHELP_VNET_MAGIC
#define VNET_SETNAME KHELP_VNET_SECTION
#define VNET_SYMPREFIX "vnet_entry_"

#ifdef VIMAGE

/// This thread's instance; NULL unless somebody set one.
#define curvnet khelp_vnet_current()
/// The instance that is always there.
#define vnet0 khelp_vnet_default()
#define IS_DEFAULT_VNET(instance) ((instance) == vnet0)

#define VNET_ASSERT(condition, words) KASSERT(condition, words)
#define CURVNET_ASSERT_SET() \
  VNET_ASSERT(curvnet != NULL, ("vnet is not set at %s:%d %s()", __FILE__, __LINE__, __func__))

/// Make an instance current until CURVNET_RESTORE() in the same block. Nests in inner blocks.
#define CURVNET_SET_QUIET(instance)                                           \
  VNET_ASSERT((instance) != NULL && (instance)->vnet_magic_n == VNET_MAGIC_N, \
              ("CURVNET_SET at %s:%d: not an instance", __FILE__, __LINE__)); \
  struct vnet* const khelp_saved_vnet = khelp_vnet_set_current(instance)
#define CURVNET_SET_VERBOSE(instance) CURVNET_SET_QUIET(instance)
#define CURVNET_SET(instance) CURVNET_SET_QUIET(instance)
#define CURVNET_RESTORE() (void)khelp_vnet_set_current(khelp_saved_vnet)

/// NULL: no memory, or a constructor threw (the kernel's cannot fail).
static inline struct vnet* vnet_alloc(void) {
  return khelp_vnet_alloc(NULL);
}

/// Points left in the instance are reported and deregistered. A refusal (from inside a hook, with
/// sockets) is logged, and with -DINVARIANTS a panic.
static inline void vnet_destroy(struct vnet* instance) {
  const int error = khelp_vnet_destroy(instance);
  KASSERT(error == 0, ("vnet_destroy: %s", khelp_failure_text()));
  if (error != 0)
    khelp_printf("vnet_destroy: %s\n", khelp_failure_text());
}

/* ---- all instances ---- */

#define VNET_ITERATOR_DECL(instance) struct vnet* instance
#define VNET_FOREACH(instance)                                 \
  for ((instance) = khelp_vnet_next(NULL); (instance) != NULL; \
       (instance) = khelp_vnet_next(instance))
/* One lock: its holders may sleep, and do not wait for one another. */
#define VNET_LIST_RLOCK() khelp_vnet_list_lock()
#define VNET_LIST_RLOCK_NOSLEEP() khelp_vnet_list_lock()
#define VNET_LIST_RUNLOCK() khelp_vnet_list_unlock()
#define VNET_LIST_RUNLOCK_NOSLEEP() khelp_vnet_list_unlock()

/* ---- variables ---- */

#define VNET_NAME(name) vnet_entry_##name

/* A declaration has the section's name, or the definition could not; only a definition is kept. */
#define KHELP_VNET_TEMPLATE_extern __attribute__((section(KHELP_VNET_SECTION)))
#define KHELP_VNET_TEMPLATE_static __attribute__((section(KHELP_VNET_SECTION), used, retain))
#define KHELP_VNET_VARIABLE \
  __attribute__((section(KHELP_VNET_VARIABLES_SECTION), used, retain, aligned(8)))
#define KHELP_VNET_STORAGE_extern
#define KHELP_VNET_STORAGE_static static
/* Where a variable begins. Of an array, which is named with its brackets, &name[count] is its end. */
#define KHELP_VNET_BEGIN(type_, name_)      \
  (void*)((char*)(void*)&VNET_NAME(name_) - \
          __builtin_offsetof(               \
              struct { type_ VNET_NAME(name_); }, VNET_NAME(name_)))
/* With an array goes an array of descriptors, of which the first one is filled in. */
#define KHELP_VNET_DEFINE(storage_, type_, name_)                                          \
  storage_ type_ VNET_NAME(name_) KHELP_VNET_TEMPLATE_##storage_;                          \
  _Static_assert(_Alignof(__typeof__(VNET_NAME(name_))) <= KHELP_VNET_ALIGNMENT,           \
                 "variables per instance are aligned to 64 bytes at most");                \
  _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"")    \
      _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")                   \
          KHELP_VNET_STORAGE_##storage_ struct khelp_vnet_variable vnet_variable_##name_   \
              KHELP_VNET_VARIABLE = {KHELP_VNET_BEGIN(type_, name_)};                      \
  _Pragma("GCC diagnostic pop") KHELP_VNET_STORAGE_##storage_ __typeof__(VNET_NAME(name_)) \
  VNET_NAME(name_) KHELP_VNET_TEMPLATE_static

/// Define a variable per instance, with its first value if wanted: VNET_DEFINE(int, ttl) = 64;
/// or an array: VNET_DEFINE(struct hhook_head *, points[2]), used as VNET(points)[0].
#define VNET_DEFINE(type, name) KHELP_VNET_DEFINE(extern, type, name)
#define VNET_DEFINE_STATIC(type, name) KHELP_VNET_DEFINE(static, type, name)
/// Declare one that another file of the same module or program defines (or, to modules, an
/// exporting program).
#define VNET_DECLARE(type, name)                          \
  extern type VNET_NAME(name) KHELP_VNET_TEMPLATE_extern; \
  extern struct khelp_vnet_variable vnet_variable_##name  \
      __attribute__((section(KHELP_VNET_VARIABLES_SECTION)))

/// An instance's copy; the current one's.
#define VNET_VNET_PTR(instance, name)              \
  ((__typeof__(VNET_NAME(name))*)khelp_vnet_value( \
      (instance), (const struct khelp_vnet_variable*)(const void*)&vnet_variable_##name))
#define VNET_VNET(instance, name) (*VNET_VNET_PTR(instance, name))
#define VNET_PTR(name) VNET_VNET_PTR(curvnet, name)
#define VNET(name) VNET_VNET(curvnet, name)

/* ---- functions ---- */

#define KHELP_VNET_FUNCTION(variable_, subsystem_, order_, kind_, function_, argument_)  \
  _Static_assert(                                                                        \
      (subsystem_) > SI_SUB_VNET && (subsystem_) <= SI_SUB_VNET_DONE,                    \
      "functions per instance stand above SI_SUB_VNET and at most at SI_SUB_VNET_DONE"); \
  KHELP_SYSINIT_RECORD(variable_, subsystem_, order_, kind_,                             \
                       (sysinit_cfunc_t)(sysinit_nfunc_t)(function_), argument_);        \
  DATA_SET(sysinit_set, variable_);                                                      \
  DATA_SET(sysuninit_set, variable_)

/// Call function(argument) in every instance that begins, and at once in those that are there;
/// curvnet is the instance.
#define VNET_SYSINIT(name, subsystem, order, function, argument)                                  \
  KHELP_VNET_FUNCTION(name##_vnet_init, subsystem, order, KHELP_SYSINIT_INSTANCE_START, function, \
                      argument)
/// Call it in every instance that ends, descending; and in all when the file goes.
#define VNET_SYSUNINIT(name, subsystem, order, function, argument)                                \
  KHELP_VNET_FUNCTION(name##_vnet_uninit, subsystem, order, KHELP_SYSINIT_INSTANCE_END, function, \
                      argument)

/// The same while the program runs, for code that has no file of its own. 0 or an errno.
static inline int vnet_register_sysinit(const void* record) {
  return khelp_vnet_register_sysinit((const struct khelp_sysinit*)record);
}
static inline int vnet_deregister_sysinit(const void* record) {
  return khelp_vnet_deregister_sysinit((const struct khelp_sysinit*)record);
}
static inline int vnet_register_sysuninit(const void* record) {
  return khelp_vnet_register_sysuninit((const struct khelp_sysinit*)record);
}
static inline int vnet_deregister_sysuninit(const void* record) {
  return khelp_vnet_deregister_sysuninit((const struct khelp_sysinit*)record);
}

#else

#define curvnet ((struct vnet*)NULL)
#define IS_DEFAULT_VNET(instance) 1

#define VNET_ASSERT(condition, words) ((void)0)
#define CURVNET_ASSERT_SET()
#define CURVNET_SET_QUIET(instance)
#define CURVNET_SET_VERBOSE(instance)
#define CURVNET_SET(instance)
#define CURVNET_RESTORE()

#define VNET_ITERATOR_DECL(instance)
#define VNET_FOREACH(instance)
#define VNET_LIST_RLOCK()
#define VNET_LIST_RLOCK_NOSLEEP()
#define VNET_LIST_RUNLOCK()
#define VNET_LIST_RUNLOCK_NOSLEEP()

#define VNET_NAME(name) name
#define VNET_DEFINE(type, name) \
  struct khelp_before_variable; \
  type name
#define VNET_DEFINE_STATIC(type, name) static type name
#define VNET_DECLARE(type, name) extern type name
#define VNET_VNET_PTR(instance, name) (&(name))
#define VNET_VNET(instance, name) (name)
#define VNET_PTR(name) (&(name))
#define VNET(name) (name)

#define VNET_SYSINIT(name, subsystem, order, function, argument) \
  SYSINIT(name, subsystem, order, function, argument)
#define VNET_SYSUNINIT(name, subsystem, order, function, argument) \
  SYSUNINIT(name, subsystem, order, function, argument)

#endif

#endif
