/// Instances, as far as hook points need them: create, destroy, make current.
///
/// Variables and start-up functions per instance are not part of this version. Declaring one is an
/// error at compile time rather than a plain global that pretends.
#ifndef KHELP_FREEBSD_NET_VNET_H
#define KHELP_FREEBSD_NET_VNET_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/vnet.h>

#define VNET_MAGIC_N KHELP_VNET_MAGIC

/// This thread's instance.
#define curvnet khelp_vnet_current()

/// Make an instance current until CURVNET_RESTORE() in the same block. Nests in inner blocks.
#define CURVNET_SET_QUIET(instance)                                       \
  KASSERT((instance) != NULL && (instance)->vnet_magic_n == VNET_MAGIC_N, \
          ("CURVNET_SET at %s:%d: not an instance", __FILE__, __LINE__)); \
  struct vnet* const khelp_saved_vnet = khelp_vnet_set_current(instance)
#define CURVNET_SET(instance) CURVNET_SET_QUIET(instance)
#define CURVNET_RESTORE() (void)khelp_vnet_set_current(khelp_saved_vnet)

/// NULL: no memory (the kernel's cannot fail).
static inline struct vnet* vnet_alloc(void) {
  return khelp_vnet_alloc();
}

/// Points left in the instance are reported and deregistered.
static inline void vnet_destroy(struct vnet* instance) {
  (void)khelp_vnet_destroy(instance);
}

#define VNET_DEFINE(type, name) \
  _Static_assert(0, "VNET_DEFINE(" #name "): variables per instance are not provided here")
#define VNET_DEFINE_STATIC(type, name) VNET_DEFINE(type, name)
#define VNET_SYSINIT(name, subsystem, order, function, argument) \
  _Static_assert(0, "VNET_SYSINIT(" #name "): not run here")
#define VNET_SYSUNINIT(name, subsystem, order, function, argument) \
  _Static_assert(0, "VNET_SYSUNINIT(" #name "): not run here")

#endif
