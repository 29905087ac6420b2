/// simplehook(9): hook lists that one thread runs at a time, newest hook first.
#ifndef KHELP_NETBSD_SYS_HOOK_H
#define KHELP_NETBSD_SYS_HOOK_H

#include <stdbool.h>
#include <sys/mutex.h>
#include <sys/queue.h>

#include <khelp/hook_list.h>

#ifdef KHELP_NETBSD_HOOK_LIST
#include <sys/hook_list.h>
#endif

#define HOOKNAMSIZ 128

typedef struct khelp_hook_list khook_list_t;
typedef struct khelp_hook khook_t;

/// A new list. The name is for people; its first 127 characters are kept. NULL: no memory.
static inline khook_list_t* simplehook_create(int ipl, const char* name) {
  (void)ipl;
  KASSERT(name[0] != '\0');
  return khelp_hook_alloc(name);
}

/// End a list that nobody runs. One that is run is waited for; from inside one of its own hooks it
/// goes later.
static inline void simplehook_destroy(khook_list_t* list) {
  khelp_hook_free(list);
}

/// Run the hooks, newest first. EBUSY: a run is under way, and this one did nothing (N-6).
static inline int simplehook_dohooks(khook_list_t* list) {
  return khelp_hook_run(list, KHELP_HOOK_ALONE | KHELP_HOOK_REVERSE, NULL, NULL);
}

/// Add a hook; a run under way does not see it. NULL: no memory.
static inline khook_t* simplehook_establish(khook_list_t* list, void (*fn)(void*), void* arg) {
  return khelp_hook_register(list, fn, arg);
}

static inline void khelp_netbsd_unlock(void* held) {
  mutex_exit((kmutex_t*)held);
}
static inline void khelp_netbsd_lock(void* held) {
  mutex_enter((kmutex_t*)held);
}

/// Remove a hook. While another thread is in it this waits, with `held` (which the caller holds, or
/// NULL) let go. From inside the hook itself it returns at once.
static inline void simplehook_disestablish(khook_list_t* list, khook_t* hook, kmutex_t* held) {
  KASSERT(held == NULL || mutex_owned(held));
  if (held != NULL)
    khelp_hook_unregister_held(list, hook, KHELP_HOOK_WAIT | KHELP_HOOK_WARN, khelp_netbsd_unlock,
                               khelp_netbsd_lock, held);
  else
    khelp_hook_unregister(list, hook, KHELP_HOOK_WAIT | KHELP_HOOK_WARN);
}

/// Removed hooks do not count, also while they are run (N-7).
static inline bool simplehook_has_hooks(khook_list_t* list) {
  return khelp_hook_count(list) != 0;
}

#endif
