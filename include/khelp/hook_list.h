/// Hook lists: callbacks that a program collects, and runs together when something happens.
///
/// Where a hook point (hhook.h) is a public place with a number that helpers find by themselves, a
/// hook list belongs to the code that made it, which hands it to others that add hooks. Hooks run in the
/// order they came or the other way round, all or those a mask picks, once or each time.
///
/// All of it may be called from any thread, from inside hooks, and while hooks sleep. A run calls
/// the hooks that were on the list when it began: those added meanwhile are not seen by it, those
/// removed meanwhile, also by their own mask, are not called any more.
#ifndef KHELP_HOOK_LIST_H
#define KHELP_HOOK_LIST_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

/// A list of hooks.
struct khelp_hook_list;
/// One hook on a list. A number in a pointer's clothes, never used twice: one that is kept too long
/// names nothing.
struct khelp_hook;

/// A hook. It may sleep, add and remove hooks (itself included), run and free lists, throw (it is
/// then suspended) or be cancelled. longjmp out of one is not supported.
typedef void (*khelp_hook_callback_t)(void* arg);
/// A hook that is also given what the run is about.
typedef void (*khelp_hook_proc_callback_t)(void* proc, void* arg);
/// Decides whether a hook runs: non-zero runs it. `arg` is the hook's, `mask_arg` the run's. It may do
/// what a hook may; if it throws, the hook it was asked about is suspended, and the log says which.
typedef int (*khelp_hook_mask_t)(void* arg, void* mask_arg);

/// Flags of a run; they may be combined.
#define KHELP_HOOK_PRESERVE 0x0u   /**< what runs stays on the list */
#define KHELP_HOOK_UNREGISTER 0x1u /**< what runs is taken off the list, before it runs */
#define KHELP_HOOK_REVERSE 0x2u    /**< newest first */
#define KHELP_HOOK_ALONE 0x4u      /**< EBUSY while another run with this flag is under way */

/// Flags of a removal.
#define KHELP_HOOK_WAIT 0x1u /**< also from inside other hooks; two that wait so can deadlock */
#define KHELP_HOOK_WARN 0x2u /**< a handle that is not on the list is a line in the log */

/// Everything a hook can say of itself.
struct khelp_hook_x {
  uint32_t size; /**< sizeof(struct khelp_hook_x) */
  uint32_t spare;
  const char* name; /**< for people; the first 31 characters are copied; or NULL */
  /** One of the three. */
  khelp_hook_callback_t callback;
  khelp_hook_proc_callback_t proc_callback;
  void* pointer; /**< a function of one argument or two: of what the run that calls it passes */
  void* arg;
  /** Called once with `arg` when no thread is inside the hook and none will enter it: by the
      removal, or by a later cold call. Never on a thread that is in a hook, never with a lock held.
      What it throws goes to the log; a cancellation of the thread waits for its end. Or NULL. */
  void (*release)(void* arg);
};

/// A new, empty list.
///
/// Shape    name: for people; the first 127 characters are copied; or NULL.
/// Errors   NULL: ENOMEM (khelp_failure_text()).
/// Source   NetBSD, proposal of 2006: hook_alloc().
KHELP_API struct khelp_hook_list* khelp_hook_alloc(const char* name);

/// Take all hooks off a list and end it.
///
/// Shape    NULL does nothing.
/// Context  waits until the runs that are inside have left. From inside a hook (of any list or
///          point) it returns at once, no further hook of the list is called, and the memory goes
///          later.
/// Errors   ENOENT not a list, or ended already · EINVAL one of the process's
///          (khelp_hooks_of_process()); both are logged · ENOSYS ended, but membarrier(2) is refused:
///          its memory stays.
/// Source   NetBSD, proposal of 2006: hook_free().
KHELP_API int khelp_hook_free(struct khelp_hook_list* list);

/// Add a hook after all others. The same function may be there more than once.
///
/// Shape    hook is not kept. Runs in progress do not see it.
/// Context  any thread, also from inside a hook of the same list.
/// Cost     a short lock and an allocation, however many hooks there are. An array that is full is
///          copied to one of twice its room: fewer than two pointers for each hook, in all.
/// Errors   NULL, and khelp_failure_text(): ENOENT not a list · EINVAL its size, or not exactly one
///          function · ENOMEM.
/// Source   NetBSD, proposal of 2006: hook_register().
KHELP_API struct khelp_hook* khelp_hook_register_x(struct khelp_hook_list* list,
                                                   const struct khelp_hook_x* hook);

/// Add a function of one argument. A run that has something to pass (khelp_hook_proc_run()) passes
/// it in place of `arg`.
static inline struct khelp_hook* khelp_hook_register(struct khelp_hook_list* list,
                                                     khelp_hook_callback_t fn, void* arg) {
  struct khelp_hook_x hook = {sizeof(struct khelp_hook_x), 0, NULL, fn, NULL, NULL, arg, NULL};
  return khelp_hook_register_x(list, &hook);
}

/// Add a function of two arguments. A run that has nothing to pass passes NULL and `arg`.
static inline struct khelp_hook* khelp_hook_proc_register(struct khelp_hook_list* list,
                                                          khelp_hook_proc_callback_t fn,
                                                          void* arg) {
  struct khelp_hook_x hook = {sizeof(struct khelp_hook_x), 0, NULL, NULL, fn, NULL, arg, NULL};
  return khelp_hook_register_x(list, &hook);
}

/// Remove a hook.
///
/// Shape    flags: KHELP_HOOK_WAIT, KHELP_HOOK_WARN.
/// Context  when it returns no other thread is inside the hook, nor its mask, and none will enter
///          it. From inside the hook itself it returns at once; from inside any other hook too,
///          unless KHELP_HOOK_WAIT says otherwise.
/// Cost     a membarrier, a copy of the list's array (a pointer and a count for each hook on it), and
///          the time the hook takes if somebody is in it. Other hooks of the list are not waited for.
/// Errors   ENOENT not on the list: never was, was removed, or a run with KHELP_HOOK_UNREGISTER
///          took it (and if that run is still inside the hook, it is waited for all the same) ·
///          ENOSYS removed, but membarrier(2) is refused: whether somebody is inside cannot be
///          known.
/// Source   NetBSD, proposal of 2006: hook_unregister(), which has no locking (N-4).
KHELP_API int khelp_hook_unregister(struct khelp_hook_list* list, struct khelp_hook* hook,
                                    uint32_t flags);

/// The same with a lock of the caller's, which is let go while another thread is in the hook: it
/// may need the lock to leave.
///
/// Shape    unlock, lock: called with `held`, in this order, or not at all when nobody is inside.
/// Source   NetBSD simplehook_disestablish().
KHELP_API int khelp_hook_unregister_held(struct khelp_hook_list* list, struct khelp_hook* hook,
                                         uint32_t flags, void (*unlock)(void* held),
                                         void (*lock)(void* held), void* held);

/// Let a hook that was suspended (it threw) run again.
///
/// Errors   ENOENT not on the list · EALREADY not suspended.
KHELP_API int khelp_hook_resume(struct khelp_hook_list* list, struct khelp_hook* hook);

/// Run the hooks of a list, oldest first.
///
/// Shape    mask: NULL runs all; else called before each hook with the hook's arg and mask_arg.
/// Context  any thread; nests. Takes no lock. Several runs of a list may go on at once; with
///          KHELP_HOOK_UNREGISTER each hook is run by one of them only. A list that was freed
///          must not be run: a run does not look its list up.
/// Errors   ENOENT list is NULL · EBUSY with KHELP_HOOK_ALONE: another such run is under way. With
///          both, nothing was called. Nothing that a hook or a mask does is an error of the run: an
///          exception out of one is caught, counted, logged, and suspends the hook. Thread
///          cancellation passes through.
/// Source   NetBSD, proposal of 2006: hook_run(), hook_run_reverse().
KHELP_API_HOT int khelp_hook_run(struct khelp_hook_list* list, uint32_t flags,
                                 khelp_hook_mask_t mask, void* mask_arg);

/// The same with something to pass to the hooks, before their own argument.
///
/// Source   NetBSD, proposal of 2006: hook_proc_run(), whose prose passes both arguments and whose
///          header comment passes one (N-1): functions of two get both, functions of one get
///          `proc`.
KHELP_API int khelp_hook_proc_run(struct khelp_hook_list* list, uint32_t flags, void* proc,
                                  khelp_hook_mask_t mask, void* mask_arg);

/// How many hooks are on a list. 0 for what is no list.
KHELP_API uint32_t khelp_hook_count(struct khelp_hook_list* list);

/// One hook, as the statistics show it.
struct khelp_hook_info {
  uint32_t size;       /**< sizeof(struct khelp_hook_info) */
  uint32_t suspended;  /**< it threw, and is skipped until khelp_hook_resume() */
  uint64_t exceptions; /**< how often it threw */
  struct khelp_hook* hook;
  void* arg;
  char name[32];
};
/// Call fn for every hook of a list, oldest first, with no lock held.
///
/// Errors   ENOENT not a list · ENOMEM: nothing was called.
KHELP_API int khelp_hook_list_each(struct khelp_hook_list* list,
                                   void (*fn)(void* arg, const struct khelp_hook_info* info),
                                   void* arg);

/// The lists of the process. The library runs the first three, all newest first.
#define KHELP_HOOKS_EXIT 0     /**< when the process ends by exit(3) */
#define KHELP_HOOKS_SHUTDOWN 1 /**< after those; each hook once, whoever runs the list first */
#define KHELP_HOOKS_FORK 2     /**< in the child of a fork(2), when the library is whole again */
#define KHELP_HOOKS_POWER 3    /**< run by the program, before and after a pause */

/// What the hooks of KHELP_HOOKS_EXIT and KHELP_HOOKS_FORK are given as `proc`.
struct khelp_process_event {
  int32_t pid;    /**< the process that ends; the child */
  int32_t parent; /**< of that process */
};

/// One of the process's lists, made when first asked for. It stays: khelp_hook_free() refuses it.
///
/// Context  asking arranges the event, by atexit(3) or pthread_atfork(3), among whose handlers the
///          hooks then run. _exit(2), a signal and vfork(2) run none.
/// Errors   NULL: EINVAL no such list · ENOMEM.
KHELP_API struct khelp_hook_list* khelp_hooks_of_process(int which);

KHELP_END_DECLS

#endif
