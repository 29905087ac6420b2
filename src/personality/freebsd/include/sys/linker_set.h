/// Linker sets: arrays that grow by one element wherever somebody says so, in any file of a module.
///
///     DATA_SET(commands, list_command);          anywhere: adds &list_command
///     SET_DECLARE(commands, struct command);     where the set is read
///     struct command** each;
///     SET_FOREACH(each, commands) run(*each);
///
/// A set ends at its module: two modules, or a module and the program, never see one another's.
#ifndef KHELP_FREEBSD_SYS_LINKER_SET_H
#define KHELP_FREEBSD_SYS_LINKER_SET_H

#include <stddef.h>

/* Elements stay in the order in which they are written: gcc would turn it round. */
#if __has_attribute(no_reorder)
#define KHELP_SET_ORDER no_reorder,
#else
#define KHELP_SET_ORDER
#endif
#define KHELP_SET_ELEMENT(set, symbol)                  \
  static const void* khelp_set_##set##_element_##symbol \
      __attribute__((KHELP_SET_ORDER section("set_" #set), used, retain)) = &(symbol)
#define DATA_SET(set, symbol) KHELP_SET_ELEMENT(set, symbol)
#define BSS_SET(set, symbol) KHELP_SET_ELEMENT(set, symbol)
#define TEXT_SET(set, symbol) KHELP_SET_ELEMENT(set, symbol)
#define ABS_SET(set, symbol) KHELP_SET_ELEMENT(set, symbol)

/* The linker defines both symbols; weak, so that a set may be empty. */
#define SET_DECLARE(set, type)                                                  \
  extern type* __start_set_##set[] __attribute__((weak, visibility("hidden"))); \
  extern type* __stop_set_##set[] __attribute__((weak, visibility("hidden")))

#define SET_BEGIN(set) (__start_set_##set)
#define SET_LIMIT(set) (__stop_set_##set)
#define SET_FOREACH(element, set) \
  for ((element) = SET_BEGIN(set); (element) < SET_LIMIT(set); (element)++)
#define SET_ITEM(set, index) (SET_BEGIN(set)[index])
#define SET_COUNT(set) ((size_t)(SET_LIMIT(set) - SET_BEGIN(set)))

#endif
