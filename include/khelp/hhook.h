/// Hook points: named places in a running program where others may join.
///
/// A subsystem registers a point, then runs it wherever the event happens. Helpers add hooks while
/// the program runs and take them away again. A point nobody listens to costs one load and one
/// branch.
#ifndef KHELP_HHOOK_H
#define KHELP_HHOOK_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>
#include <khelp/osd.h>

KHELP_BEGIN_DECLS

struct khelp_helper;
struct khelp_hhook_head;

/// Flags of registration and adding.
#define KHELP_HHOOK_WAITOK 0x00000001u       /**< allocation may block; wins over NOWAIT */
#define KHELP_HHOOK_NOWAIT 0x00000002u       /**< must not block; the default */
#define KHELP_HHOOK_HEADISINVNET 0x00000100u /**< one point per instance (vnet.h) */
#define KHELP_HHOOK_STRICT 0x00000200u       /**< unknown flags EINVAL; adding to no point ENOENT */
/// How a point combines its hooks' results: fixed at registration.
#define KHELP_HHOOK_RESULT_IGNORE 0x00000000u    /**< run all, result 0 (FreeBSD) */
#define KHELP_HHOOK_RESULT_FIRST 0x00001000u     /**< the first non-zero result stops the run */
#define KHELP_HHOOK_RESULT_STRICTEST 0x00002000u /**< run all, keep the numerically greatest */

/// How long a call waits for runs that are inside at most: nanoseconds; 0 and negative: for ever.
#define KHELP_TIMEOUT_DEFAULT INT64_MIN /**< 10 seconds */
#define KHELP_TIMEOUT_NONE 0            /**< for ever */

/// Types of points. Any int32_t pair (type, id) names a point; these are taken, and types from
/// KHELP_HHOOK_TYPE_APP on are the application's. khelp_hhook_name() hands out pairs for names.
#define KHELP_HHOOK_TYPE_TCP 1
#define KHELP_HHOOK_TYPE_SOCKET 2
#define KHELP_HHOOK_TYPE_IPSEC_IN 3
#define KHELP_HHOOK_TYPE_IPSEC_OUT 4
#define KHELP_HHOOK_TYPE_APP 0x1000
#define KHELP_HHOOK_TYPE_NAMED 0x7f000000 /**< pairs that khelp_hhook_name() hands out */

#define KHELP_HHOOK_TCP_EST_IN 0
#define KHELP_HHOOK_TCP_EST_OUT 1
#define KHELP_HHOOK_TCP_LAST KHELP_HHOOK_TCP_EST_OUT

#define KHELP_HHOOK_SOCKET_OPT 0
#define KHELP_HHOOK_SOCKET_CREATE 1
#define KHELP_HHOOK_SOCKET_RCV 2
#define KHELP_HHOOK_SOCKET_SND 3
#define KHELP_HHOOK_FILT_SOREAD 4
#define KHELP_HHOOK_FILT_SOWRITE 5
#define KHELP_HHOOK_SOCKET_CLOSE 6
#define KHELP_HHOOK_SOCKET_LAST KHELP_HHOOK_SOCKET_CLOSE

#define KHELP_HHOOK_IPSEC_INET 0
#define KHELP_HHOOK_IPSEC_INET6 1
#define KHELP_HHOOK_IPSEC_COUNT 2

/// A hook.
///
/// Shape    ctx_data: the struct that the point's header names; borrowed. hdata: this helper's data
///          on the object, never NULL for a helper that needs per-object data, always NULL
///          otherwise. hosd: the object's slots as given to the run, may be NULL.
/// Context  whatever thread runs the point, several at once. May sleep, may add and remove hooks
///          (its own included), may run points, may throw (the hook is suspended) or be cancelled.
///          longjmp out of a hook and resuming one on another thread are not supported.
typedef int (*khelp_hhook_func_t)(int32_t hhook_type, int32_t hhook_id, void* udata, void* ctx_data,
                                  void* hdata, struct khelp_osd* hosd);

/// What someone wants to hook. Source: FreeBSD sys/hhook.h struct hookinfo (id before type).
struct khelp_hookinfo {
  khelp_hhook_func_t hook_func;
  struct khelp_helper* hook_helper; /**< NULL: nobody's (hdata is NULL, nothing owns it) */
  void* hook_udata;
  int32_t hook_id;
  int32_t hook_type;
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_hookinfo) == 32,
                    "struct khelp_hookinfo is part of the ABI");

/// khelp_hookinfo with a place in the order. Hooks run by (priority, constraints, load order, table
/// index).
struct khelp_hookinfo_x {
  uint32_t size;    /**< sizeof(struct khelp_hookinfo_x), so that it can grow */
  int32_t priority; /**< smaller runs earlier; 0 is everybody's default */
  const char*
      before; /**< names of helpers, separated by commas or spaces, that must run later; or NULL */
  const char*
      after; /**< names of helpers that must run earlier; or NULL. Absent helpers are ignored */
  const char* point; /**< the point's name instead of hook_type/hook_id; or NULL */
  const char* event; /**< the event type the hook was compiled for; a point of another refuses it;
                        or NULL */
  uint64_t fingerprint; /**< that type's layout */
  struct khelp_hookinfo hook;
};

/// A hook point. Public so that "is anybody listening?" is one load at a fixed address.
///
/// Only hhh_nhooks may be read from outside (relaxed; exact when nothing is changing). Embed one in
/// static storage and register it in place, or let registration allocate it.
struct khelp_hhook_head {
  uint32_t hhh_nhooks;
  int32_t hhh_type;
  int32_t hhh_id;
  uint32_t hhh_flags;
  void* hhh_hooks;   /**< the published set of hooks */
  uintptr_t hhh_vid; /**< serial of the instance; 0: not virtualised */
  volatile uint32_t hhh_refcount;
  uint32_t hhh_deep[3]; /**< runs that found no room in their thread's record */
  void* hhh_point;      /**< the registry's own part */
  uint64_t hhh_spare[1];
};
KHELP_STATIC_ASSERT(sizeof(struct khelp_hhook_head) == 64,
                    "struct khelp_hhook_head is part of the ABI");

/// Registration with everything a point can declare.
///
/// result_when_skipped is for points whose results decide something. 0, the default, fails open: a hook
/// that cannot answer has no say. Another value fails closed: say EACCES, and a run in which a hook
/// threw, or was skipped (suspended, no data, no memory, nested too deep; stats.h), gives what it would
/// give if that hook had answered EACCES. RESULT_IGNORE ignores this, too.
struct khelp_hhook_head_x {
  uint32_t size; /**< sizeof(struct khelp_hhook_head_x), so that it can grow */
  uint32_t flags;
  const char* name;         /**< hooks find the point by it too; copied; or NULL */
  const char* event;        /**< the event type's name (KHELP_EVENT, module.h); copied; or NULL */
  uint64_t fingerprint;     /**< its layout; a module built against another one is refused */
  uint32_t recursion_limit; /**< how deep one thread may nest runs of this point; 0: 8 */
  uint32_t spare;
  int32_t result_when_skipped; /**< what a hook that was not called, or threw, counts for */
  uint32_t spare_2;
  /// The event's fields (KHELP_EVENT_FIELDS, module.h), so that a module of another layout is told which
  /// of them differ; copied; or NULL.
  const struct khelp_modinfo_fields* fields;
};

/// Register a point.
///
/// Shape    hhh: where the point's address goes, with one reference that the caller owns; NULL: the
///          point has no owner's reference. Helpers loaded earlier hook the new point before this
///          returns.
/// Context  any thread, also from inside a hook. May block.
/// Errors   EEXIST the point is registered (in this instance), or exists with the other kind of
///          identity · EINVAL HEADISINVNET and no current instance, or STRICT and unknown flags ·
///          ENOMEM.
/// Source   FreeBSD hhook(9). Deciding and inserting is one step (H-1); helpers' hooks are all
///          added or the registration fails (K-27).
KHELP_API int khelp_hhook_head_register(int32_t type, int32_t id, struct khelp_hhook_head** hhh,
                                        uint32_t flags);

/// Register a point in storage of the caller's (static, zeroed), which must stay until
/// deregistered.
///
/// Shape    storage: NULL: allocate. x: may be NULL; else copied. It may be smaller, as it was when the
///          caller was compiled: what it lacks is 0.
/// Errors   as above; EBUSY the storage is a registered point.
KHELP_API int khelp_hhook_head_register_x(int32_t type, int32_t id,
                                          struct khelp_hhook_head* storage,
                                          struct khelp_hhook_head** hhh,
                                          const struct khelp_hhook_head_x* x);

/// Unregister a point, and with it give up the owner's reference. Hooks on it are taken off; their
/// owners' subscriptions wait for it to come back. A hook of nobody that was added to this point
/// alone is forgotten.
///
/// Shape    a point that the library allocated is freed: hhh points nowhere then, and may be neither
///          released nor deregistered again. One in the caller's storage is the caller's again.
/// Context  waits until runs that are inside have left. A run that starts after this returned is the
///          caller's bug. From inside a hook, one of the point's own for instance, it returns at once:
///          runs that are inside call no further hook, and the memory of a point that the library
///          allocated goes later. Storage of the caller's must stay until they have left: this
///          thread's when its outermost run returns, those of other threads as
///          khelp_hhook_synchronize(NULL) tells. Nothing else looks at it.
/// Errors   ENOENT hhh is NULL, or storage of the caller's that is no registered point · EBUSY somebody holds a khelp_hhook_head_get()
///          reference.
KHELP_API int khelp_hhook_head_deregister(struct khelp_hhook_head* hhh);

/// The same, with a limit to the wait for runs that are inside.
///
/// Units    timeout_ns: KHELP_TIMEOUT_...
/// Errors   as khelp_hhook_head_deregister() · ETIMEDOUT the point is deregistered, and a run is inside
///          still, which khelp_failure_text() names: thread, point, helpers, since when. A point that
///          the library allocated is freed by a later cold call. Storage of the caller's is in use
///          until this function, called again, answers 0, or ENOENT if a cold call was quicker.
KHELP_API int khelp_hhook_head_deregister_timed(struct khelp_hhook_head* hhh, int64_t timeout_ns);

/// The same by name. Source: FreeBSD's answers EBUSY whenever the owner kept its pointer (H-6);
/// this one counts only references of others.
KHELP_API int khelp_hhook_head_deregister_lookup(int32_t type, int32_t id);

/// Find a point (of the current instance if virtualised) and take a reference. NULL: none.
KHELP_API struct khelp_hhook_head* khelp_hhook_head_get(int32_t type, int32_t id);
/// Drop a reference of khelp_hhook_head_get(), or the owner's of khelp_hhook_head_register(): the
/// point stays registered, and goes by khelp_hhook_head_deregister_lookup().
KHELP_API void khelp_hhook_head_release(struct khelp_hhook_head* hhh);

/// KHELP_HHOOK_HEADISINVNET if the point exists once per instance, else 0 (also for NULL and
/// unknown).
KHELP_API uint32_t khelp_hhook_head_is_virtualised(struct khelp_hhook_head* hhh);
KHELP_API uint32_t khelp_hhook_head_is_virtualised_lookup(int32_t type, int32_t id);

/// The (type, id) pair of a name: of the point that was registered under it with a pair of its own,
/// or a pair that is made for the name. Either means that point for as long as the process lives. The
/// first point with a pair of its own keeps the name; another one is registered without it, and a
/// warning in the log says so.
///
/// Errors   EINVAL empty or longer than 63 characters · ENOMEM.
KHELP_API int khelp_hhook_name(const char* name, int32_t* type, int32_t* id);

/// Add a hook to one point.
///
/// Shape    hki is not kept. Later runs call the hook; runs in progress do not.
/// Context  any thread, also from inside a hook of the same point.
/// Errors   ENOENT hhh is NULL · EINVAL hook_func is NULL · EEXIST the same function and udata are
///          there · ENOMEM.
KHELP_API int khelp_hhook_add_hook(struct khelp_hhook_head* hhh, struct khelp_hookinfo* hki,
                                   uint32_t flags);

/// Add a hook to every point of its type and id, in all instances, and to those that come later.
///
/// Errors   as above, all or nothing (H-3). No such point: 0 and the subscription is pending (H-2);
///          with STRICT ENOENT.
KHELP_API int khelp_hhook_add_hook_lookup(struct khelp_hookinfo* hki, uint32_t flags);
/// The same with a place in the order.
KHELP_API int khelp_hhook_add_hook_x(const struct khelp_hookinfo_x* hki, uint32_t flags);

/// Remove a hook (same function and udata; and same helper, unless hook_helper is NULL).
///
/// Context  when it returns no thread is inside the hook at this point and none will enter it.
///
///          From inside any hook it returns at once, and no run that meets the hook from then on calls
///          it: neither the run that removed it nor, if they are under way, those around it and those
///          of other threads. It may be running still: on this thread, if it is one of the hooks that
///          are being run, and on others. Its argument may be freed when nobody is in it. The same
///          removal once more, from outside hooks, finds nothing and waits for that all the same;
///          so does khelp_hhook_synchronize().
/// Cost     one membarrier and the longest run that was inside.
/// Errors   ENOENT hhh is NULL. 0 also when nothing matched, as upstream (H-4);
///          khelp_hhook_remove_hook_x() tells.
KHELP_API int khelp_hhook_remove_hook(struct khelp_hhook_head* hhh, struct khelp_hookinfo* hki);
/// Remove from every point of its type and id, and the pending subscription. One wait for all.
KHELP_API int khelp_hhook_remove_hook_lookup(struct khelp_hookinfo* hki);
/// The same; *removed says from how many points (and pending subscriptions: +1) it went. ENOENT:
/// none.
KHELP_API int khelp_hhook_remove_hook_x(struct khelp_hookinfo* hki, uint32_t* removed);

/// The same, or at one point, with a limit to the wait for runs that are inside the hook.
///
/// Shape    hhh: NULL: every point of its type and id, and the pending subscription. removed: may be
///          NULL.
/// Units    timeout_ns: KHELP_TIMEOUT_...
/// Errors   ENOENT nothing matched, and no run is inside any more · ETIMEDOUT no new run calls the
///          hook, and a run that may be inside it goes on, which khelp_failure_text() names: thread,
///          point, helpers, since when. What the hook uses has to stay until this function, called
///          again, has answered 0 or ENOENT.
KHELP_API int khelp_hhook_remove_hook_timed(struct khelp_hhook_head* hhh,
                                            struct khelp_hookinfo* hki, int64_t timeout_ns,
                                            uint32_t* removed);

/// Run every hook of a point, in order.
///
/// Shape    ctx: the struct the point's header names; borrowed. hosd: the object's slots; may be
///          NULL.
/// Context  any thread; nests. Takes no lock. Also signal handlers on a thread that has run a point
///          before, without an object or with one that helpers need not adopt.
/// Cost     no hooks: use khelp_hhooks_run_if(). One hook: about 50 instructions besides it, 60 where
///          it has the object's data.
/// Errors   none: hooks that cannot run are skipped and counted (stats.h). An exception out of a
///          hook is caught, counted, and suspends the hook. Thread cancellation passes through.
/// Source   FreeBSD hhook(9) hhook_run_hooks().
KHELP_API_HOT void khelp_hhook_run_hooks(struct khelp_hhook_head* hhh, void* ctx,
                                         struct khelp_osd* hosd);

/// The same, with the combined result by the point's rule (0 for RESULT_IGNORE). Hooks that were
/// skipped or threw count for the point's result_when_skipped.
///
/// Cost     8 instructions more, by whatever rule.
KHELP_API_HOT int khelp_hhook_run_hooks_result(struct khelp_hhook_head* hhh, void* ctx,
                                               struct khelp_osd* hosd);

/// Look a point up, run it if it has hooks, release it: for rare paths.
KHELP_API void khelp_hhook_run_hooks_lookup(int32_t type, int32_t id, void* ctx,
                                            struct khelp_osd* hosd);

/// Wait until every run of this point that began before the call has ended; NULL: runs of all
/// points.
///
/// Context  a run that begins later is not waited for, however long it lasts. Beginning is the moment
///          in which the run's first instructions, and the call's, reach memory.
/// Errors   EDEADLK called from inside a hook (of any point) · ENOSYS membarrier(2) is refused.
KHELP_API int khelp_hhook_synchronize(struct khelp_hhook_head* hhh);

/// The same with a limit.
///
/// Units    timeout_ns: KHELP_TIMEOUT_...
/// Errors   as khelp_hhook_synchronize() · ETIMEDOUT a run is inside still: khelp_failure_text() names
///          thread, point, helpers and since when.
KHELP_API int khelp_hhook_synchronize_timed(struct khelp_hhook_head* hhh, int64_t timeout_ns);

/// Let a hook that was suspended run again, by its function. Errors: ENOENT no such hook; EALREADY not
/// suspended.
KHELP_API int khelp_hhook_resume_hook(struct khelp_hookinfo* hki);

/// Let the hooks of a helper at a point run again that were suspended: they threw, or somebody
/// suspended them.
///
/// Shape    helper, point: as khelp_stats_hooks() names them: "" for hooks of nobody, the point's name
///          or "type/id". point NULL: at every point. Instances are not told apart. changed: how many
///          hooks it let run; may be NULL.
/// Context  any thread, also from inside a hook.
/// Errors   EINVAL helper is NULL · ENOENT the helper has no hook at such a point · EALREADY none of
///          them is suspended.
KHELP_API int khelp_hhook_resume(const char* helper, const char* point, uint32_t* changed);

/// Suspend the hooks of a helper at a point: runs skip them, and count them (KHELP_SKIP_SUSPENDED), as
/// if they had thrown. Hooks that join a point later are not concerned.
///
/// Context  any thread, also from inside a hook. A run that is under way may still call the hook;
///          khelp_hhook_synchronize() waits for it.
/// Errors   as above; EALREADY all of them are suspended.
KHELP_API int khelp_hhook_suspend(const char* helper, const char* point, uint32_t* changed);

/// Is anybody listening? One relaxed load. hhh must not be NULL.
static inline int khelp_hhooks_enabled(const struct khelp_hhook_head* hhh) {
  return __atomic_load_n(&hhh->hhh_nhooks, __ATOMIC_RELAXED) != 0;
}

/// Run a point if somebody listens. Each argument is evaluated once; NULL does nothing.
static inline void khelp_hhooks_run_if(struct khelp_hhook_head* hhh, void* ctx,
                                       struct khelp_osd* hosd) {
  if (hhh != NULL && KHELP_UNLIKELY(khelp_hhooks_enabled(hhh)))
    khelp_hhook_run_hooks(hhh, ctx, hosd);
}

KHELP_END_DECLS

#endif
