/// Functions that run when a file starts and when it ends, in the order of their places.
///
/// A file (a program, a library, a module) lists records of them in two linker sets. A module's are
/// found by name and run by the loader; a program says when: khelp_program_start(). Records are
/// data: nothing of a file is called to learn them.
#ifndef KHELP_SYSINIT_H
#define KHELP_SYSINIT_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

/// The sets: arrays of pointers to struct khelp_sysinit. Source: FreeBSD's sysinit_set and
/// sysuninit_set.
#define KHELP_SYSINIT_SECTION "set_sysinit_set"
#define KHELP_SYSUNINIT_SECTION "set_sysuninit_set"
/// Variables per instance: their templates, and a struct khelp_vnet_variable for each.
#define KHELP_VNET_SECTION "set_vnet"
#define KHELP_VNET_VARIABLES_SECTION "set_vnet_variables"

/// Places by which the library orders its own work among them. Source: FreeBSD sys/kernel.h; the
/// numbers of all places are in the personality's header of that name.
#define KHELP_SI_SUB_DUMMY 0x0000000u     /**< never run */
#define KHELP_SI_SUB_KLD 0x2000000u       /**< modules, unless they say otherwise */
#define KHELP_SI_SUB_VNET 0x21E0000u      /**< instances exist; theirs begin after this */
#define KHELP_SI_SUB_HHOOK 0x21E8000u     /**< points may be registered in an instance */
#define KHELP_SI_SUB_VNET_DONE 0xdc00000u /**< the last place of an instance */
#define KHELP_SI_ORDER_FIRST 0x0000000u
#define KHELP_SI_ORDER_ANY 0xfffffffu

enum khelp_sysinit_kind {
  KHELP_SYSINIT_CALL = 0,           /**< call it, once */
  KHELP_SYSINIT_INSTANCE_START = 1, /**< call it in every instance that begins (vnet.h) */
  KHELP_SYSINIT_INSTANCE_END = 2    /**< call it in every instance that ends */
};

/// One function and its place. In the set of starts: it is called, or registered for instances. In
/// the set of ends: it is called, or taken back; the same record may be in both.
struct khelp_sysinit {
  uint32_t subsystem;
  uint32_t order;
  uint32_t kind; /**< enum khelp_sysinit_kind */
  uint32_t spare;
  void (*function)(const void* argument);
  const void* argument;
};

/// A variable that exists once per instance: where its template is; the rest is filled in when its
/// file starts.
struct khelp_vnet_variable {
  void* initial;   /**< the template: its bytes are a new instance's first value */
  uint32_t block;  /**< which of an instance's blocks it is in */
  uint32_t offset; /**< and where */
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_vnet_variable) == 16,
                    "struct khelp_vnet_variable is part of the ABI");

/// Everything of this kind that a file has. Empty: begin == end, both may be NULL.
struct khelp_file_sets {
  uint32_t size; /**< sizeof(struct khelp_file_sets) */
  uint32_t spare;
  const void* file; /**< an address that no other file has */
  const struct khelp_sysinit* const* starts;
  const struct khelp_sysinit* const* starts_end;
  const struct khelp_sysinit* const* ends;
  const struct khelp_sysinit* const* ends_end;
  void* templates; /**< bytes, copied into every instance */
  void* templates_end;
  struct khelp_vnet_variable* variables;
  struct khelp_vnet_variable* variables_end;
};

/// Start a file that the library's loader did not load: its variables get their places in every
/// instance, then its start functions run, ascending by (subsystem, order), equal ones as they were
/// linked. The default instance is current meanwhile.
///
/// Errors   EALREADY it is started · ECANCELED a function threw: what ran before it has been undone by
///          the ends of their places · EDEADLK from inside a hook · ENOSPC too many files with
///          variables · EINVAL a record that is none · ENOMEM.
KHELP_API int khelp_file_start(const struct khelp_file_sets* sets);
/// Run its end functions, descending, and take its variables out of every instance.
///
/// Errors   ENOENT it is not started · EDEADLK from inside a hook.
KHELP_API int khelp_file_stop(const struct khelp_file_sets* sets);

/* The linker defines the ends of a section whose name is an identifier. Hidden, so that each file
 * sees its own; weak, so that there need be none. */
#define KHELP_SET_BOUNDS(type, section)                                        \
  extern type __start_##section[] __attribute__((weak, visibility("hidden"))); \
  extern type __stop_##section[] __attribute__((weak, visibility("hidden")))
KHELP_SET_BOUNDS(const struct khelp_sysinit* const, set_sysinit_set);
KHELP_SET_BOUNDS(const struct khelp_sysinit* const, set_sysuninit_set);
KHELP_SET_BOUNDS(char, set_vnet);
KHELP_SET_BOUNDS(struct khelp_vnet_variable, set_vnet_variables);
/* Every file has one of its own; under another name here, since compilers have their declaration.
 */
extern const char khelp_this_file[] __asm__("__dso_handle") __attribute__((visibility("hidden")));

/// The sets of the file that this is compiled into.
static inline struct khelp_file_sets khelp_own_sets(void) {
  struct khelp_file_sets sets;
  sets.size = sizeof sets;
  sets.spare = 0;
  sets.file = khelp_this_file;
  sets.starts = __start_set_sysinit_set;
  sets.starts_end = __stop_set_sysinit_set;
  sets.ends = __start_set_sysuninit_set;
  sets.ends_end = __stop_set_sysuninit_set;
  sets.templates = __start_set_vnet;
  sets.templates_end = __stop_set_vnet;
  sets.variables = __start_set_vnet_variables;
  sets.variables_end = __stop_set_vnet_variables;
  return sets;
}

/// Start the program: call it once, early in main(), before the first variable per instance is
/// used. A library that has such functions does the same for itself. Modules do not: their loader
/// does.
static inline int khelp_program_start(void) {
  struct khelp_file_sets sets = khelp_own_sets();
  return khelp_file_start(&sets);
}
/// Undo it, at the end.
static inline int khelp_program_stop(void) {
  struct khelp_file_sets sets = khelp_own_sets();
  return khelp_file_stop(&sets);
}

KHELP_END_DECLS

#endif
