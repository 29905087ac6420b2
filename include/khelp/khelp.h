/// Helpers: units of code that hook points and keep data on the host's objects.
///
/// A helper is loaded all or nothing: its zone, its init, its slot and all its hooks, or nothing.
/// Its data on an object appears when the object is initialised (or, for native helpers, at their
/// first hook call on an older object) and goes when the object is destroyed or the helper is
/// revoked.
#ifndef KHELP_KHELP_H
#define KHELP_KHELP_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>
#include <khelp/hhook.h>
#include <khelp/osd.h>
#include <khelp/uma.h>

KHELP_BEGIN_DECLS

#define KHELP_HELPER_NAME_MAXLEN 16 /**< the NUL included */

/// Helper flags.
#define KHELP_HELPER_NEEDS_OSD 0x0001 /**< keeps data on objects */
#define KHELP_HELPER_ADOPT \
  0x0002 /**< gets data on objects older than itself at its first hook call */
#define KHELP_HELPER_POINTS_EXIST \
  0x0004 /**< a hook at a point that is not registered refuses the load (ENOENT) */

/// Classes of objects: a helper names those it wants; any common bit matches.
#define KHELP_HELPER_CLASS_TCP 0x00000001u
#define KHELP_HELPER_CLASS_SOCKET 0x00000002u
#define KHELP_HELPER_CLASS_APP 0x00010000u /**< this bit and those above are the application's */

struct khelp_helper_x;
struct khelp_vnet;

/// FreeBSD's helper record, as modules written for it declare one. 88 bytes.
///
/// Source   FreeBSD sys/module_khelp.h struct helper. The framework keeps its own account:
///          h_refcount is brought up to date when the helper is asked about (statistics) or asked
///          to go (0, or EBUSY with the number of objects), not on every attachment.
struct khelp_helper {
  int (*mod_init)(void);
  int (*mod_destroy)(void);
  char h_name[KHELP_HELPER_NAME_MAXLEN];
  khelp_uma_zone_t h_zone;
  struct khelp_hookinfo* h_hooks;
  uint32_t h_nhooks;
  uint32_t h_classes;
  int32_t h_id;
  volatile uint32_t h_refcount;
  uint16_t h_flags;
  struct {
    struct khelp_helper* tqe_next;
    struct khelp_helper** tqe_prev;
  } h_next;
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_helper) == 88, "struct khelp_helper is part of the ABI");

/// What khelp_modevent() is given for a FreeBSD module. 56 bytes.
struct khelp_khelp_modevent_data {
  char name[KHELP_HELPER_NAME_MAXLEN];
  struct khelp_helper* helper;
  struct khelp_hookinfo* hooks;
  int nhooks;
  int uma_zsize;
  khelp_uma_ctor umactor;
  khelp_uma_dtor umadtor;
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_khelp_modevent_data) == 56,
                    "struct khelp_khelp_modevent_data is part of the ABI");

/* ---- what a native helper reports per object ---- */

enum khelp_field_kind {
  KHELP_FIELD_COUNT = 1,    /**< unsigned number of things */
  KHELP_FIELD_BYTES = 2,    /**< unsigned number of bytes */
  KHELP_FIELD_DURATION = 3, /**< signed nanoseconds; shown as microseconds with three digits */
  KHELP_FIELD_NUMBER = 4,   /**< signed number without unit */
  KHELP_FIELD_FLAGS = 5     /**< bits */
};

/// One reported field. "a.b" is member b of group a in JSON.
struct khelp_field {
  const char* name;
  const char* unit;  /**< for people: "us", "ms", "bytes", "" */
  const char* words; /**< one line for people */
  uint32_t kind;     /**< enum khelp_field_kind */
  uint32_t flags;    /**< KHELP_FIELD_... below */
};
#define KHELP_FIELD_IN_TABLE 0x1u /**< worth a column in the table for people */

/// A field's value on one object.
struct khelp_value {
  int64_t number;
  uint32_t present; /**< 0: nothing measured */
  uint32_t spare;
};

/// A parameter: `--load NAME:param=value`.
struct khelp_param {
  const char* name;
  const char* initial; /**< the default, in words */
  const char* words;   /**< one line for people */
};

/// A native helper's declaration. Everything it points to must stay until the helper is gone.
///
/// Callbacks run with no lock of the library held. Only `name`, `version` and `size` are required.
struct khelp_helper_x {
  uint32_t size; /**< sizeof(struct khelp_helper_x): it may grow */
  uint32_t version;
  const char* name; /**< at most 15 characters */
  uint32_t classes;
  uint32_t flags;    /**< KHELP_HELPER_... */
  size_t data_size;  /**< bytes per object; with NEEDS_OSD not 0 */
  size_t data_align; /**< 0: natural */
  /// Make the data; memory is zeroed. ENOMEM, or std::bad_alloc: the object's owner hears of it. Any
  /// other errno or exception: the object goes without the data (khelp_init_osd()). May be NULL.
  int (*data_init)(void* data, void* arg, int flags);
  /// End the data. What it throws goes to the log; a cancellation of the thread waits for its end.
  /// May be NULL.
  void (*data_fini)(void* data, void* arg);
  int (*mod_init)(void);                /**< before any hook can run; non-zero refuses the load */
  int (*mod_destroy)(void);             /**< after the last hook and the last data are gone */
  const struct khelp_hookinfo_x* hooks; /**< hook_helper is ignored */
  uint32_t nhooks;
  uint32_t nfields;
  const struct khelp_field* fields;
  /// Fill values[0..nfields) from an object's data, all zero before. Runs inside an object section or
  /// hook. Whoever calls it catches what it throws.
  void (*report)(const void* data, struct khelp_value* values);
  uint32_t nparams;
  uint32_t spare;
  const struct khelp_param* params;
  /// Called before mod_init, once for each parameter given. EINVAL: the value is no good.
  int (*set_param)(const char* name, const char* value);
};

/* ---- loading and unloading ---- */

/// How a removal treats objects that still hold the helper's data.
#define KHELP_UNLOAD_REFUSE 0 /**< EBUSY, with the holders in khelp_failure_text() */
#define KHELP_UNLOAD_WAIT 1   /**< attach no more, wait for them to go, at most timeout_ns */
#define KHELP_UNLOAD_REVOKE \
  2 /**< disable hooks, wait for runs, destroy the data on live objects \
     */

/// Load a helper that is part of this program (modules: loader.h).
///
/// Shape    x: kept, not copied. id: where its id goes; may be NULL.
/// Context  any thread; may block; not from inside a hook of a helper that is being loaded.
/// Errors   EINVAL no name, name too long, NEEDS_OSD without size or classes, bad hook · EEXIST the
///          name is taken, or a hook is there already · ELOOP its constraints form a cycle with those
///          of others for one point, registered or not · ENOENT a hook's point is not registered, and
///          the helper has KHELP_HELPER_POINTS_EXIST (else the hook waits for its point, and a warning
///          in the log says so) · ENOSPC all slots in use · ENOMEM · mod_init's own. Nothing is left
///          behind.
KHELP_API int khelp_helper_register(const struct khelp_helper_x* x, int32_t* id);

/// Unload a helper that khelp_helper_register() loaded.
///
/// Shape    its hooks are off while runs that may be inside one of them are waited for. If that takes too
///          long, REFUSE and WAIT leave the helper as it was: its hooks are on again at every point that
///          wants them, and objects get its data. With REFUSE, objects that are made meanwhile get it,
///          too. (Without memory the hooks are on again as soon as a cold call has some.) REVOKE leaves it
///          a zombie: no hook of it is called any more, its name is free, its declaration and its data
///          stay in use, and khelp_reap() or another cold call ends it when it can.
/// Units    timeout_ns: KHELP_TIMEOUT_DEFAULT: 10 seconds; 0 or negative: no limit. For everything that
///          the call waits for: runs, with WAIT objects, with REVOKE sections of objects that hold data.
/// Context  any thread; waiting for objects is no cancellation point. From inside a hook, or the
///          constructor or destructor of a helper's data: REFUSE and REVOKE return at once and
///          khelp_reap() finishes; WAIT is EDEADLK.
/// Cost     one membarrier for its hooks, two for its data if objects hold any, and one if threads
///          other than the caller keep free items of its zone.
/// Errors   ENOENT unknown id · EBUSY objects hold its data · ETIMEDOUT objects hold its data still, or
///          a run is inside still: khelp_failure_text() names thread, point, the helpers whose hooks the
///          run calls, and since when it has been seen · EDEADLK · EALREADY being unloaded: by another thread, which may have begun while this one waited · EINVAL how ·
///          ENOMEM nothing was done · ENOSYS membarrier(2) is refused: no hook of it is called any
///          more, and it stays in memory.
KHELP_API int khelp_helper_unregister(int32_t id, int how, int64_t timeout_ns);

/// Unload several helpers together: all of them, or none if one cannot go. Runs that are inside a
/// hook of any of them are waited for once, not once for each. They end in the order given; those
/// that khelp_reap() has to finish, as soon as each can.
///
/// Shape    ids: `count` of them, each once; may be NULL if there are none.
/// Units    timeout_ns: for all of them together.
/// Context  as khelp_helper_unregister().
/// Cost     one membarrier for their hooks, two for their data if objects hold any, and one for each
///          whose zone other threads keep free items of.
/// Errors   as khelp_helper_unregister(), of one that cannot go: khelp_failure_text() names it. Ids
///          are looked up first, then states, then objects · EINVAL an id is there twice.
KHELP_API int khelp_helpers_unregister(const int32_t* ids, size_t count, int how,
                                       int64_t timeout_ns);

/// What a loaded helper keeps and reports per object. Pointers are the helper's: valid until it is
/// unloaded.
struct khelp_helper_description {
  uint32_t size; /**< sizeof(struct khelp_helper_description) */
  int32_t id;
  const char* name;
  uint32_t version;
  uint32_t classes;
  size_t data_size; /**< bytes per object; 0: keeps none. FreeBSD style: its zone's item size */
  const struct khelp_field* fields; /**< FreeBSD style: NULL */
  uint32_t nfields;
  uint32_t spare;
  /// NULL: reports nothing. The data comes from khelp_get_osd(), inside an object section.
  void (*report)(const void* data, struct khelp_value* values);
};

/// Describe a loaded helper, of either style.
///
/// Shape    description->size is set by the caller.
/// Errors   ENOENT no live helper has this id · EINVAL size.
KHELP_API int khelp_helper_describe(int32_t id, struct khelp_helper_description* description);

/// Register a FreeBSD-style helper whose name, hooks and (with NEEDS_OSD) zone the caller has
/// filled in.
///
/// Shape    h_zone: one helper's at a time, and given to a helper before its first item is allocated;
///          the caller's again once the helper is deregistered, to destroy or to register with anew.
/// Errors   as khelp_helper_register(); EALREADY this struct is registered (K-15) · EINVAL NEEDS_OSD
///          without a zone, or items were allocated before a helper had it · EBUSY the zone is
///          another helper's.
/// Source   FreeBSD kern_khelp.c khelp_register_helper(). All or nothing: K-1, K-3, K-4, K-14,
///          K-15, K-36.
KHELP_API int khelp_register_helper(struct khelp_helper* h);
/// Errors   EBUSY objects hold its data · ENOENT not registered · ETIMEDOUT a run has been inside one of
///          its hooks for 10 seconds: it stays as it was.
KHELP_API int khelp_deregister_helper(struct khelp_helper* h);
/// Stop new attachments and wait until no object holds the helper's data. timeout_ns: as
/// khelp_helper_unregister(). ETIMEDOUT: it runs on as before.
KHELP_API int khelp_drain(struct khelp_helper* h, int64_t timeout_ns);

/// Module events.
#define KHELP_MOD_LOAD 0
#define KHELP_MOD_UNLOAD 1
#define KHELP_MOD_SHUTDOWN 2
#define KHELP_MOD_QUIESCE 3
#define KHELP_MOD_RESUME 4 /**< ours: the quiesce was not followed by an unload (K-10, M-5) */

/// The module event handler of FreeBSD helper modules.
///
/// Shape    data: struct khelp_khelp_modevent_data.
/// Errors   LOAD: KHELP_EDOOFUS NEEDS_OSD without a size; else as khelp_register_helper(). QUIESCE:
///          EBUSY or 0, and draining begins. UNLOAD: EBUSY or 0. SHUTDOWN: 0. RESUME: 0. Others:
///          EINVAL.
/// Source   FreeBSD kern_khelp.c khelp_modevent(); K-7, K-8, K-10, K-11.
KHELP_API int khelp_modevent(void* module, int event, void* data);

/// Complete what removals from inside hooks left over: destructors, mod_destroy, unmapping. Never
/// blocks on runs in progress; does nothing inside a hook. Other cold-path calls do this as well.
///
/// Errors   returns how many removals are still waiting for a run to end.
KHELP_API int khelp_reap(void);

/* ---- objects ---- */

/// Give a new object the data of every helper of its classes.
///
/// Shape    hosd: zeroed before the first call; embedded in the object.
/// A helper whose constructor throws, or answers something but ENOMEM, costs the object that helper's
/// data only: its hooks are skipped for this object (KHELP_SKIP_CONSTRUCTOR), and the log says so once
/// in a while. A helper that adopts is asked again at the object's next hook call, others never.
///
/// Context  the object's owner, not concurrently with runs or destroy of this object; does not
///          block. Helpers' constructors run in load order, without locks; while one runs, no other
///          helper is in use.
/// Errors   EINVAL no object (hosd is NULL) · ENOMEM: nothing is attached, as when the thread is
///          cancelled in a constructor. Calling it twice is harmless (K-18).
/// Source   FreeBSD khelp(9) khelp_init_osd(); all or nothing (K-17).
KHELP_API int khelp_init_osd(uint32_t classes, struct khelp_osd* hosd);

/// Destroy every helper's data on an object; afterwards the struct is all zero.
///
/// Context  the object's owner. From inside a hook of this object the data lives until that hook
///          has left.
/// Errors   EINVAL no object (hosd is NULL); else 0. Calling it twice is harmless.
KHELP_API int khelp_destroy_osd(struct khelp_osd* hosd);

/// A helper's data on an object, or NULL: no data, a stale or unknown id, or hosd is NULL.
///
/// Shape    valid inside a hook of that object or an object section (khelp_osd_enter()).
/// Cost     about 20 instructions; wait-free but for a walk that reads this very data
///          (khelp_helper_objects()).
KHELP_API_HOT void* khelp_get_osd(struct khelp_osd* hosd, int32_t id) KHELP_NOTHROW;

/// The id of a live helper by name; -1: none.
KHELP_API int32_t khelp_get_id(const char* hname);

/* ---- walking objects ---- */

enum khelp_object_state {
  KHELP_OBJECT_READ = 1,         /**< `values` is what the helper reports */
  KHELP_OBJECT_NO_FIELDS = 2,    /**< the helper reports nothing */
  KHELP_OBJECT_IN_USE = 3,       /**< a run was inside of it at each of three looks: not read */
  KHELP_OBJECT_REPORT_THREW = 4, /**< the report function threw: the log says what */
};

/// A live object that holds a helper's data. Copies: valid during the call, in which the object may
/// already be destroyed.
struct khelp_object {
  uint32_t size;
  uint32_t state;   /**< enum khelp_object_state */
  uint32_t classes; /**< that it was initialised with */
  uint32_t nfields;
  const char* name;                 /**< what the host says of it (khelp_object_names()), or "" */
  const struct khelp_field* fields; /**< the helper's; NULL: it reports nothing */
  const struct khelp_value* values; /**< one for each field; NULL unless READ */
  const struct khelp_osd* hosd;     /**< which one it was: to compare, not to look into */
};

/// Call fn for every object that holds this helper's data, with the fields that the helper reports of
/// it, until fn returns something but 0. Objects that come or go meanwhile may be told or not.
///
/// Shape    fn: called with no lock held; it may call the library, unload this helper included, and
///          take whatever locks.
/// Context  any thread, beside runs, owners that destroy, and unloads, which end the walk. Report
///          functions run on this thread, one object at a time, and never beside a hook of theirs on
///          the same object: what they may not do is wait for the object's owner.
/// Cost     for each 16 objects two membarriers. Until they are read, some microseconds unless a report
///          function is slow: runs that reach a hook of this helper on one of the 16 wait, and so do
///          khelp_get_osd() for this data and khelp_destroy_osd() of these objects. Nothing else does.
/// Errors   ENOENT no live helper has this id · EDEADLK inside a hook, an object section, the
///          constructor or destructor of data, or fn · ECANCELED the helper is being unloaded: not all
///          were told · ENOSYS membarrier(2) is refused · ENOMEM.
KHELP_API int khelp_helper_objects(int32_t id,
                                   int (*fn)(void* arg, const struct khelp_object* object),
                                   void* arg);

/// Writes at most `size` bytes, a NUL included: what people call this object ("10.0.0.1:443").
typedef void (*khelp_object_name_t)(const struct khelp_osd* hosd, char* to, size_t size);

/// Say how the host names its objects of a class, in walks and in the words of EBUSY; NULL: not.
///
/// Shape    one_class: one bit. name: of the objects themselves, whose slots `hosd` is a member of.
/// Context  any thread. `name` runs on threads that walk, beside the object's owner, but not beside
///          khelp_destroy_osd(): it reads what does not change while the object lives, or takes a lock
///          under which nobody calls the library.
/// Errors   EINVAL not one class.
KHELP_API int khelp_object_names(uint32_t one_class, khelp_object_name_t name);

/// Whether some subsystem has initialised objects of one of these classes (K-42). 0 or 1.
KHELP_API int khelp_class_has_osd(uint32_t classes);

/// Add a hook on behalf of a loaded helper: attached to late points too, and removed with the
/// helper (K-29).
///
/// Shape    hook_helper NULL: found from the hook's address, if that lies in a loaded module.
/// Errors   as khelp_hhook_add_hook_lookup().
KHELP_API int khelp_add_hhook(struct khelp_hookinfo* hki, uint32_t flags);
KHELP_API int khelp_remove_hhook(struct khelp_hookinfo* hki);

/// Limit the helper of this name, loaded now or later, to some instances (vnet.h): in others its
/// hooks are not there. Points of no instance are not concerned.
///
/// Shape    instances: NULL: no limit any more; else `count` of them, which may be none. An instance
///          that ends leaves the limit.
/// Context  when it returns no thread is in a hook that it took off; from inside a hook it returns at
///          once.
/// Errors   EINVAL no name, or a count without a list · ENOENT one of them is no instance · ENOSPC no
///          counters left · ENOSYS membarrier(2) is refused · ENOMEM.
KHELP_API int khelp_helper_limit(const char* name, struct khelp_vnet* const* instances,
                                 uint32_t count);

KHELP_END_DECLS

#endif
