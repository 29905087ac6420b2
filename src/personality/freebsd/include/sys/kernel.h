/// Places in the start-up order.
///
/// Modules name theirs in DECLARE_MODULE; it becomes part of the module's record. Functions of a
/// module's own at such places (SYSINIT) are not run by this version, so declaring one is an error
/// at compile time rather than a function that silently never runs. mod_init, mod_destroy and the
/// module's event handler are run.
#ifndef KHELP_FREEBSD_SYS_KERNEL_H
#define KHELP_FREEBSD_SYS_KERNEL_H

#include <sys/param.h>

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

#define SYSINIT(name, subsystem, order, function, argument) \
  _Static_assert(0, "SYSINIT(" #name "): not run here; use mod_init or the event MOD_LOAD")
#define SYSUNINIT(name, subsystem, order, function, argument) \
  _Static_assert(0, "SYSUNINIT(" #name "): not run here; use mod_destroy or MOD_UNLOAD")

#endif
