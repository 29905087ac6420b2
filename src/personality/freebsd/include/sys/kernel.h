/// Functions that run when a file starts and ends, and the places by which they are ordered.
///
/// A module's run when it is loaded and unloaded, together with its modules' events, which stand at
/// the places that DECLARE_MODULE names. A program's run when it says mi_startup().
#ifndef KHELP_FREEBSD_SYS_KERNEL_H
#define KHELP_FREEBSD_SYS_KERNEL_H

#include <khelp_names.h>
#include <sys/linker_set.h>
#include <sys/param.h>

#include <khelp/sysinit.h>

enum sysinit_sub_id {
  SI_SUB_DUMMY = 0x0000000,
  SI_SUB_DONE = 0x0000001,
  SI_SUB_TUNABLES = 0x0700000,
  SI_SUB_COPYRIGHT = 0x0800001,
  SI_SUB_VM = 0x1000000,
  SI_SUB_COUNTER = 0x1100000,
  SI_SUB_KMEM = 0x1800000,
  SI_SUB_WITNESS = 0x1A80000,
  SI_SUB_LOCK = 0x1B00000,
  SI_SUB_EVENTHANDLER = 0x1C00000,
  SI_SUB_VNET_PRELINK = 0x1E00000,
  SI_SUB_KLD = 0x2000000,
  SI_SUB_CPU = 0x2100000,
  SI_SUB_VNET = 0x21E0000,
  SI_SUB_HHOOK = 0x21E8000, /**< libkhelp's: hook points may be registered per instance */
  SI_SUB_INTRINSIC = 0x2200000,
  SI_SUB_MBUF = 0x2700000,
  SI_SUB_INTR = 0x2800000,
  SI_SUB_TASKQ = 0x2880000,
  SI_SUB_EPOCH = 0x2888000,
  SI_SUB_SOFTINTR = 0x2A00000,
  SI_SUB_INIT_IF = 0x3000000,
  SI_SUB_DRIVERS = 0x3100000,
  SI_SUB_CONFIGURE = 0x3800000,
  SI_SUB_PSEUDO = 0x7000000,
  SI_SUB_EXEC = 0x7400000,
  SI_SUB_PROTO_BEGIN = 0x8000000,
  SI_SUB_PROTO_PFIL = 0x8100000,
  SI_SUB_PROTO_IF = 0x8400000,
  SI_SUB_PROTO_DOMAININIT = 0x8600000,
  SI_SUB_PROTO_MC = 0x8700000,
  SI_SUB_PROTO_DOMAIN = 0x8800000,
  SI_SUB_PROTO_FIREWALL = 0x8806000,
  SI_SUB_PROTO_IFATTACHDOMAIN = 0x8808000,
  SI_SUB_PROTO_END = 0x8ffffff,
  SI_SUB_SYSCALLS = 0xd800000,
  SI_SUB_VNET_DONE = 0xdc00000,
  SI_SUB_LAST = 0xfffffff
};

enum sysinit_elem_order {
  SI_ORDER_FIRST = 0x0000000,
  SI_ORDER_SECOND = 0x0000001,
  SI_ORDER_THIRD = 0x0000002,
  SI_ORDER_FOURTH = 0x0000003,
  SI_ORDER_FIFTH = 0x0000004,
  SI_ORDER_SIXTH = 0x0000005,
  SI_ORDER_SEVENTH = 0x0000006,
  SI_ORDER_EIGHTH = 0x0000007,
  SI_ORDER_MIDDLE = 0x1000000,
  SI_ORDER_ANY = 0xfffffff
};

_Static_assert(SI_SUB_KLD == KHELP_SI_SUB_KLD && SI_SUB_VNET == KHELP_SI_SUB_VNET &&
                   SI_SUB_HHOOK == KHELP_SI_SUB_HHOOK &&
                   SI_SUB_VNET_DONE == KHELP_SI_SUB_VNET_DONE && SI_ORDER_ANY == KHELP_SI_ORDER_ANY,
               "the library's places are these");

typedef void (*sysinit_nfunc_t)(void*);
typedef void (*sysinit_cfunc_t)(const void*);

#define KHELP_SYSINIT_RECORD(variable_, subsystem_, order_, kind_, function_, argument_) \
  static const struct khelp_sysinit variable_ = {.subsystem = (subsystem_),              \
                                                 .order = (order_),                      \
                                                 .kind = (kind_),                        \
                                                 .function = (function_),                \
                                                 .argument = (argument_)}

/// Call function(argument) when the file starts: ascending by (subsystem, order), equal ones as
/// they were linked (M-1). SI_SUB_DUMMY is never called.
#define SYSINIT(name, subsystem, order, function, argument)                     \
  KHELP_SYSINIT_RECORD(name##_sys_init, subsystem, order, KHELP_SYSINIT_CALL,   \
                       (sysinit_cfunc_t)(sysinit_nfunc_t)(function), argument); \
  DATA_SET(sysinit_set, name##_sys_init)
/// Call it when the file ends: descending.
#define SYSUNINIT(name, subsystem, order, function, argument)                   \
  KHELP_SYSINIT_RECORD(name##_sys_uninit, subsystem, order, KHELP_SYSINIT_CALL, \
                       (sysinit_cfunc_t)(sysinit_nfunc_t)(function), argument); \
  DATA_SET(sysuninit_set, name##_sys_uninit)
/// For functions that take a const void *.
#define C_SYSINIT(name, subsystem, order, function, argument)                             \
  KHELP_SYSINIT_RECORD(name##_sys_init, subsystem, order, KHELP_SYSINIT_CALL, (function), \
                       argument);                                                         \
  DATA_SET(sysinit_set, name##_sys_init)
#define C_SYSUNINIT(name, subsystem, order, function, argument)                             \
  KHELP_SYSINIT_RECORD(name##_sys_uninit, subsystem, order, KHELP_SYSINIT_CALL, (function), \
                       argument);                                                           \
  DATA_SET(sysuninit_set, name##_sys_uninit)

/// Run the program's start functions and give its VNET_DEFINE variables their places: main() calls
/// it once. 0, or an errno (the kernel's cannot fail). khelp_program_stop() undoes it.
static inline int mi_startup(void) {
  return khelp_program_start();
}

#endif
