/// The classic families that mean something in a process: shutdown, exit, fork and power hooks, over
/// the process's own lists (khelp_hooks_of_process()). The process's events run the first three.
///
/// A handle is the hook. NULL: no memory. One that is not established is a line in the log.
#ifndef KHELP_NETBSD_SYS_SYSTM_H
#define KHELP_NETBSD_SYS_SYSTM_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/kassert.h>
#include <sys/proc.h>
#include <sys/types.h>

#include <khelp/hook_list.h>

/// A function with what it is called with, for families whose functions take neither (void*) nor
/// (void*, void*).
struct khelp_netbsd_hook {
  union {
    void (*exit)(struct proc* proc, void* arg);
    void (*fork)(struct proc* child, struct proc* parent);
    void (*power)(int why, void* arg);
  } fn;
  void* arg;
};

static inline void* khelp_netbsd_establish(int which, const char* name,
                                           khelp_hook_proc_callback_t call,
                                           const struct khelp_netbsd_hook* hook) {
  struct khelp_hook_x x = {sizeof(struct khelp_hook_x), 0, name, NULL, call, NULL, NULL, free};
  struct khelp_hook* handle;
  struct khelp_netbsd_hook* kept = (struct khelp_netbsd_hook*)malloc(sizeof *kept);
  if (kept == NULL)
    return NULL;
  *kept = *hook;
  x.arg = kept;
  handle = khelp_hook_register_x(khelp_hooks_of_process(which), &x);
  if (handle == NULL)
    free(kept);
  return handle;
}

static inline void khelp_netbsd_disestablish(int which, void* handle) {
  khelp_hook_unregister(khelp_hooks_of_process(which), (struct khelp_hook*)handle, KHELP_HOOK_WARN);
}

// ---- shutdown: after the exit hooks, each once ----

static inline void* shutdownhook_establish(void (*fn)(void*), void* arg) {
  return khelp_hook_register(khelp_hooks_of_process(KHELP_HOOKS_SHUTDOWN), fn, arg);
}
static inline void shutdownhook_disestablish(void* handle) {
  khelp_netbsd_disestablish(KHELP_HOOKS_SHUTDOWN, handle);
}
/// Run what is established, newest first; none of it runs again when the process ends.
static inline void doshutdownhooks(void) {
  struct khelp_hook_list* list = khelp_hooks_of_process(KHELP_HOOKS_SHUTDOWN);
  if (list != NULL)
    khelp_hook_run(list, KHELP_HOOK_REVERSE | KHELP_HOOK_UNREGISTER, NULL, NULL);
}

// ---- exit: when the process ends by exit(3) ----

static inline void khelp_netbsd_call_exit(void* event, void* hook) {
  const struct khelp_netbsd_hook* h = (const struct khelp_netbsd_hook*)hook;
  struct proc proc = {((const struct khelp_process_event*)event)->pid};
  h->fn.exit(&proc, h->arg);
}
static inline void* exithook_establish(void (*fn)(struct proc*, void*), void* arg) {
  struct khelp_netbsd_hook hook;
  hook.fn.exit = fn;
  hook.arg = arg;
  return khelp_netbsd_establish(KHELP_HOOKS_EXIT, NULL, khelp_netbsd_call_exit, &hook);
}
static inline void exithook_disestablish(void* handle) {
  khelp_netbsd_disestablish(KHELP_HOOKS_EXIT, handle);
}

// ---- fork: in the child ----

static inline void khelp_netbsd_call_fork(void* event, void* hook) {
  const struct khelp_process_event* e = (const struct khelp_process_event*)event;
  struct proc child = {e->pid};
  struct proc parent = {e->parent};
  ((const struct khelp_netbsd_hook*)hook)->fn.fork(&child, &parent);
}
static inline void* forkhook_establish(void (*fn)(struct proc* child, struct proc* parent)) {
  struct khelp_netbsd_hook hook;
  hook.fn.fork = fn;
  hook.arg = NULL;
  return khelp_netbsd_establish(KHELP_HOOKS_FORK, NULL, khelp_netbsd_call_fork, &hook);
}
static inline void forkhook_disestablish(void* handle) {
  khelp_netbsd_disestablish(KHELP_HOOKS_FORK, handle);
}

// ---- power: whenever the program says ----

#define PWR_RESUME 0
#define PWR_SUSPEND 1
#define PWR_STANDBY 2
#define PWR_SOFTRESUME 3
#define PWR_SOFTSUSPEND 4
#define PWR_SOFTSTANDBY 5

static inline void khelp_netbsd_call_power(void* why, void* hook) {
  const struct khelp_netbsd_hook* h = (const struct khelp_netbsd_hook*)hook;
  h->fn.power(*(const int*)why, h->arg);
}
/// The name (its first 15 characters) is what a line in the log calls the hook.
static inline void* powerhook_establish(const char* name, void (*fn)(int why, void* arg),
                                        void* arg) {
  char kept[16];
  struct khelp_netbsd_hook hook;
  hook.fn.power = fn;
  hook.arg = arg;
  snprintf(kept, sizeof kept, "%s", name == NULL ? "" : name);
  return khelp_netbsd_establish(KHELP_HOOKS_POWER, kept, khelp_netbsd_call_power, &hook);
}
static inline void powerhook_disestablish(void* handle) {
  khelp_netbsd_disestablish(KHELP_HOOKS_POWER, handle);
}
/// Going down, newest first; coming back, the other way round.
static inline void dopowerhooks(int why) {
  const bool back = why == PWR_RESUME || why == PWR_SOFTRESUME;
  struct khelp_hook_list* list = khelp_hooks_of_process(KHELP_HOOKS_POWER);
  if (list != NULL)
    khelp_hook_proc_run(list, back ? 0 : KHELP_HOOK_REVERSE, &why, NULL, NULL);
}

#endif
