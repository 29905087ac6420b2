/// Instances: several copies of a subsystem's points in one process.
///
/// A point registered with KHELP_HHOOK_HEADISINVNET belongs to the instance current on the
/// registering thread. Helpers' hooks are added in all instances.
#ifndef KHELP_VNET_H
#define KHELP_VNET_H

#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

#define KHELP_VNET_MAGIC 0x5e4a6f28u

/// One instance. Source: FreeBSD net/vnet.h struct vnet; its identity is the serial, never the
/// address (H-22).
struct khelp_vnet {
  uint32_t vnet_magic_n;
  uint32_t vnet_spare;
  uint64_t vnet_serial; /**< counts up from 1, never reused */
};

/// Make an instance. NULL: no memory. Does not change the current one.
KHELP_API struct khelp_vnet* khelp_vnet_alloc(void);

/// End an instance. Points left in it are logged and deregistered, whatever references remain
/// (H-19); a point's memory stays until its last reference is released. Waits for runs inside its
/// points; EDEADLK from inside a hook.
KHELP_API int khelp_vnet_destroy(struct khelp_vnet* vnet);

/// This thread's current instance; NULL: none.
KHELP_API struct khelp_vnet* khelp_vnet_current(void) KHELP_NOTHROW;
/// Make an instance (or none) current on this thread. Returns the one before.
KHELP_API struct khelp_vnet* khelp_vnet_set_current(struct khelp_vnet* vnet) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
