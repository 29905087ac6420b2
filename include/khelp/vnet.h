/// Instances: several copies of a subsystem's world in one process.
///
/// A point registered with KHELP_HHOOK_HEADISINVNET belongs to the instance current on the
/// registering thread; so do the values of variables per instance. Helpers' hooks are added in all
/// instances, unless the helper is limited to some. There is always the default instance; it is
/// current on no thread until the thread says so, but while start functions and modules' event
/// handlers run.
#ifndef KHELP_VNET_H
#define KHELP_VNET_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>
#include <khelp/sysinit.h>

KHELP_BEGIN_DECLS

#define KHELP_VNET_MAGIC 0x5e4a6f28u
/// The greatest alignment of a variable per instance.
#define KHELP_VNET_ALIGNMENT 64

/// One instance. Source: FreeBSD net/vnet.h struct vnet; its identity is the serial, never the
/// address (H-22).
struct khelp_vnet {
  uint32_t vnet_magic_n;
  uint32_t vnet_state;    /**< the place (SI_SUB_...) that its constructors or destructors are at */
  uint64_t vnet_serial;   /**< counts up from 1, never reused; 1 is the default instance's */
  uint32_t vnet_ifcnt;    /**< the program's own: interfaces */
  uint32_t vnet_sockcnt;  /**< the program's own: sockets; not 0: the instance cannot end */
  uint32_t vnet_shutdown; /**< its destructors run */
  uint32_t vnet_spare;
  void* const* vnet_data; /**< its copies of the files' variables, by block */
};

/// Make an instance: its variables are copies of their templates; then the constructors run in it,
/// ascending; then it is on the list. Does not change the current one.
///
/// Shape    error: where 0 or the reason for NULL goes; may be NULL.
/// Errors   EDEADLK from inside a hook, or the calling thread holds the list · ECANCELED a
///          constructor threw: the destructors of smaller places have run, and those of its own
///          place that were registered before it · ENOMEM.
KHELP_API struct khelp_vnet* khelp_vnet_alloc(int* error);

/// End an instance. It leaves the list; its destructors run in it, descending; points left in it
/// are logged and deregistered, whatever references remain (H-19): a point's memory stays until its
/// last reference is released. Its variables and itself are freed when every hook that was running
/// in the process has ended (V-2).
///
/// Errors   EDEADLK from inside a hook, or the calling thread holds the list · EBUSY it has sockets ·
///          EINVAL it is the default instance · ENOENT it is no instance · EALREADY it is being
///          ended · ENOMEM nothing more was done; call it again · ENOSYS membarrier(2) is refused:
///          it has ended, its memory stays.
KHELP_API int khelp_vnet_destroy(struct khelp_vnet* vnet);

/// The instance that is always there.
KHELP_API struct khelp_vnet* khelp_vnet_default(void) KHELP_NOTHROW;
/// This thread's current instance; NULL: none.
KHELP_API struct khelp_vnet* khelp_vnet_current(void) KHELP_NOTHROW;
/// Make an instance (or none) current on this thread. Returns the one before.
KHELP_API struct khelp_vnet* khelp_vnet_set_current(struct khelp_vnet* vnet) KHELP_NOTHROW;

/// Hold the list of instances: none joins or leaves it meanwhile. Shared, nests. Not to be held at
/// the end of a thread.
KHELP_API void khelp_vnet_list_lock(void) KHELP_NOTHROW;
KHELP_API void khelp_vnet_list_unlock(void) KHELP_NOTHROW;
/// The instance behind this one on the list, which is held; NULL gives the first, the default one.
/// NULL: it was the last.
KHELP_API struct khelp_vnet* khelp_vnet_next(const struct khelp_vnet* vnet) KHELP_NOTHROW;

/// Have a function called in every instance that begins, at its place among the others (behind
/// equal ones). It is called at once in those that are there. A concurrent creation misses none
/// (V-1). Its place is above SI_SUB_VNET and at most SI_SUB_VNET_DONE.
///
/// Shape    the record must stay until it is deregistered; `kind` is not looked at.
/// Errors   EINVAL its place or function · EEXIST it is registered · ECANCELED it threw in an
///          instance, and is not registered; those before are begun: taking a destructor back that
///          was registered first ends them · EDEADLK from inside a hook, or the calling thread holds
///          the list · ENOMEM.
KHELP_API int khelp_vnet_register_sysinit(const struct khelp_sysinit* start);
/// Take it back; nothing is called. ENOENT: it is not registered.
KHELP_API int khelp_vnet_deregister_sysinit(const struct khelp_sysinit* start);
/// Have a function called in every instance that ends, descending. Errors as above.
KHELP_API int khelp_vnet_register_sysuninit(const struct khelp_sysinit* end);
/// Take it back: first it is called in every instance that is there. ENOENT: it is not registered.
KHELP_API int khelp_vnet_deregister_sysuninit(const struct khelp_sysinit* end);

/// Variables of a file: every instance, now and later, gets a block that begins as a copy of the
/// templates. For files that neither the loader nor khelp_file_start() starts.
///
/// Shape    variables: their `initial` lies in the templates, or is NULL: there is none in this place;
///          `block` and `offset` are filled in.
/// Errors   EINVAL a variable lies elsewhere · EEXIST the templates have a block already · ENOSPC no
///          block is left · EDEADLK as above · ENOMEM.
KHELP_API int khelp_vnet_variables_add(const void* templates, size_t size,
                                       struct khelp_vnet_variable* variables, size_t count);
/// Free the block of these variables in all instances. Nobody may use them any more. ENOENT: they
/// have none.
KHELP_API int khelp_vnet_variables_remove(struct khelp_vnet_variable* variables, size_t count);

/// An instance's copy of a variable.
static inline void* khelp_vnet_value(const struct khelp_vnet* vnet,
                                     const struct khelp_vnet_variable* variable) {
  return (char*)vnet->vnet_data[variable->block] + variable->offset;
}

KHELP_END_DECLS

#endif
