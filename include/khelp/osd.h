/// Object-specific data: slots on a host object that modules fill.
///
/// A host embeds one zero-initialised `struct khelp_osd` in each object. Two kinds of users meet
/// here: osd(9) consumers, who register a slot with a destructor and set values themselves, and
/// helpers (khelp.h), whose slots the framework fills and empties.
#ifndef KHELP_OSD_H
#define KHELP_OSD_H

#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

/// The slots of one object. 32 bytes; must start zeroed; must not move while any slot is in use.
///
/// Ownership  the host's. The framework owns what the slots point to.
/// Source   FreeBSD sys/osd.h struct osd. There the second half links objects into a list; here it
///          does so for the types of osd_register(), while helpers' objects keep their first two
///          slots in it (no list of all objects is kept: a helper's zone knows the objects that
///          hold its items).
struct khelp_osd {
  uint16_t osd_nslots;  /**< slots readable through osd_slots; slot n is osd_slots[n - 1] */
  uint16_t osd_state;   /**< framework's marks; 0: no data, not initialised */
  uint32_t osd_classes; /**< helper classes given to khelp_init_osd() */
  void** osd_slots;
  union {
    struct {
      struct khelp_osd* next;
      struct khelp_osd** prev;
    } osd_next;
    void* osd_inline[2];
  } osd_u;
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_osd) == 32, "struct khelp_osd is part of the ABI");

#ifdef __cplusplus
#define KHELP_OSD_INITIALIZER \
  {}
#else
#define KHELP_OSD_INITIALIZER \
  { 0 }
#endif

/// Object types. Further ones come from khelp_osd_define_type().
#define KHELP_OSD_THREAD 0
#define KHELP_OSD_JAIL 1
#define KHELP_OSD_KHELP 2
#define KHELP_OSD_FIRST KHELP_OSD_THREAD
#define KHELP_OSD_LAST KHELP_OSD_KHELP

/// The jail type's methods.
#define KHELP_PR_METHOD_CREATE 0
#define KHELP_PR_METHOD_GET 1
#define KHELP_PR_METHOD_SET 2
#define KHELP_PR_METHOD_CHECK 3
#define KHELP_PR_METHOD_ATTACH 4
#define KHELP_PR_METHOD_REMOVE 5
#define KHELP_PR_MAXMETHOD 6

/// Called with the value when its slot is emptied. Runs with no lock of the library held; may sleep
/// and may call the library, but not wait for hooks if the caller of the emptying function could
/// not. What it throws goes to the log; a cancellation of the thread waits for its end.
typedef void (*khelp_osd_destructor_t)(void* value);
/// A type's method: non-zero stops khelp_osd_call() and is its result.
typedef int (*khelp_osd_method_t)(void* object, void* data);

/// Define an object type beyond the three above.
///
/// Shape    methods: how many methods a registrant of this type supplies (0: none).
/// Errors   returns the type's number, or a negative errno: -ENOMEM, -ENOSPC (no number left).
KHELP_API int khelp_osd_define_type(unsigned methods);

/// Claim a slot of a type.
///
/// Shape    destructor: may be NULL (values are dropped). methods: the type's number of them,
///          copied, or NULL for none; single entries may be NULL.
/// Units    returns the slot, counted from 1; the lowest free one is taken.
/// Context  any thread; may block.
/// Errors   0: no memory, unknown type, or all slots in use (khelp_failure_text() says which). The
///          kernel's cannot fail; a process's can.
/// Source   FreeBSD osd(9) osd_register().
KHELP_API int khelp_osd_register(unsigned type, khelp_osd_destructor_t destructor,
                                 const khelp_osd_method_t* methods);

/// Give a slot back: every object's value in it is destroyed first.
///
/// Context  any thread; blocks. Destructors run with no lock held (upstream: under its locks).
KHELP_API void khelp_osd_deregister(unsigned type, unsigned slot);

/// Store a value. An old value is overwritten without its destructor, as upstream does.
///
/// Context  any thread; does not block. Two threads may set one object's slots (upstream leaves
///          that to the object's lock).
/// Errors   ENOMEM the slot array could not grow; the old contents are intact. EINVAL unknown type
///          or slot. Storing NULL beyond the array is 0 and allocates nothing.
KHELP_API int khelp_osd_set(unsigned type, struct khelp_osd* osd, unsigned slot, void* value);

/// Room for `slot` values, so that a later khelp_osd_set_reserved() cannot fail. NULL: no memory.
KHELP_API void** khelp_osd_reserve(unsigned slot);

/// khelp_osd_set() with room from khelp_osd_reserve(). The reservation is consumed on every
/// success.
///
/// Errors   EINVAL the reservation is shorter than the slot needs (it stays the caller's).
KHELP_API int khelp_osd_set_reserved(unsigned type, struct khelp_osd* osd, unsigned slot,
                                     void** reserved, void* value);

/// Give back a reservation that was not consumed.
KHELP_API void khelp_osd_free_reserved(void** reserved);

/// The value in a slot, or NULL. Wait-free.
KHELP_API void* khelp_osd_get(unsigned type, struct khelp_osd* osd, unsigned slot);

/// Destroy and clear one slot. When the last value goes the struct is all zero again.
KHELP_API void khelp_osd_del(unsigned type, struct khelp_osd* osd, unsigned slot);

/// Call one method of every registered slot, in ascending order, until one returns non-zero.
///
/// Errors   what the method returned; EINVAL for an unknown type or method.
KHELP_API int khelp_osd_call(unsigned type, unsigned method, void* object, void* data);

/// Destroy every value of an object. For the khelp type this is khelp_destroy_osd().
KHELP_API void khelp_osd_exit(unsigned type, struct khelp_osd* osd);

/// Open an object section: until khelp_osd_leave(), data that khelp_get_osd() returns for this
/// object stays valid even if its helper is revoked meanwhile. A hook of the object is such a
/// section by itself.
///
/// Context  any thread; nests; wait-free. Not a lock: the object's owner still serialises destroy.
/// Cost     as running a point without hooks' calls: two stores and a load.
KHELP_API void khelp_osd_enter(struct khelp_osd* osd) KHELP_NOTHROW;
/// Close the innermost section, which must be this object's.
KHELP_API void khelp_osd_leave(struct khelp_osd* osd) KHELP_NOTHROW;

KHELP_END_DECLS

#endif
