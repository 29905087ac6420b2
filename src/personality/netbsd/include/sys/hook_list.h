/// The generic hook lists proposed for NetBSD in 2006, by their own names. Each function is its
/// namesake in <khelp/hook_list.h>, which documents it.
///
/// Opt-in: hook_alloc, hook_free and hook_t are names of other systems too (N-5). A source that says
/// <sys/hook.h> gets these with -DKHELP_NETBSD_HOOK_LIST.
#ifndef KHELP_NETBSD_SYS_HOOK_LIST_H
#define KHELP_NETBSD_SYS_HOOK_LIST_H

#include <sys/queue.h>

#include <khelp/hook_list.h>

typedef struct khelp_hook_list hook_list_t;
typedef struct khelp_hook hook_t;

typedef void (*hook_callback_t)(void* hook_arg);
typedef void (*hook_callback_proc_t)(void* proc, void* hook_arg);
typedef int (*hook_mask_func_t)(void* hook_arg, void* mask_arg);

#define HOOK_PRESERVE 0
#define HOOK_UNREGISTER 1

static inline hook_list_t* hook_alloc(void) {
  return khelp_hook_alloc(NULL);
}

static inline void hook_free(hook_list_t* list) {
  khelp_hook_free(list);
}

/// Add a hook. The function travels as a plain pointer, as in the proposal, and is called with what
/// the run passes: one argument or two.
static inline hook_t* hook_register(hook_list_t* list, void* fn, void* arg) {
  struct khelp_hook_x hook = {sizeof(struct khelp_hook_x), 0, NULL, NULL, NULL, fn, arg, NULL};
  return khelp_hook_register_x(list, &hook);
}

/// A function whose type is one of the two is taken as what it is.
#ifdef __cplusplus
static inline hook_t* hook_register(hook_list_t* list, hook_callback_t fn, void* arg) {
  return khelp_hook_register(list, fn, arg);
}
static inline hook_t* hook_register(hook_list_t* list, hook_callback_proc_t fn, void* arg) {
  return khelp_hook_proc_register(list, fn, arg);
}
#else
// clang-format off
#define hook_register(list, fn, arg)                       \
  _Generic((fn),                                           \
           hook_callback_t: khelp_hook_register,           \
           hook_callback_proc_t: khelp_hook_proc_register, \
           default: hook_register)(list, fn, arg)
// clang-format on
#endif

static inline void hook_unregister(hook_list_t* list, hook_t* hook) {
  khelp_hook_unregister(list, hook, KHELP_HOOK_WARN);
}

static inline uint32_t khelp_netbsd_run_flags(int flag) {
  return flag == HOOK_UNREGISTER ? KHELP_HOOK_UNREGISTER : KHELP_HOOK_PRESERVE;
}

static inline void hook_run(hook_list_t* list, int flag, hook_mask_func_t mask, void* mask_arg) {
  khelp_hook_run(list, khelp_netbsd_run_flags(flag), mask, mask_arg);
}

static inline void hook_proc_run(hook_list_t* list, int flag, void* proc, hook_mask_func_t mask,
                                 void* mask_arg) {
  khelp_hook_proc_run(list, khelp_netbsd_run_flags(flag), proc, mask, mask_arg);
}

static inline void hook_run_reverse(hook_list_t* list, int flag, hook_mask_func_t mask,
                                    void* mask_arg) {
  khelp_hook_run(list, KHELP_HOOK_REVERSE | khelp_netbsd_run_flags(flag), mask, mask_arg);
}

#endif
