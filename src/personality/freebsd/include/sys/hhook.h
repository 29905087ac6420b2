/// hhook(9): hook points. Each function is its namesake in <khelp/hhook.h>, which documents it.
#ifndef KHELP_FREEBSD_SYS_HHOOK_H
#define KHELP_FREEBSD_SYS_HHOOK_H

#include <khelp_names.h>
#include <sys/param.h>

#include <khelp/hhook.h>
#include <khelp/vnet.h>

#define HHOOK_WAITOK KHELP_HHOOK_WAITOK
#define HHOOK_NOWAIT KHELP_HHOOK_NOWAIT
#define HHOOK_HEADISINVNET KHELP_HHOOK_HEADISINVNET
/* libkhelp's: the results the manual documents, and rules for combining results. */
#define HHOOK_STRICT KHELP_HHOOK_STRICT
#define HHOOK_RESULT_IGNORE KHELP_HHOOK_RESULT_IGNORE
#define HHOOK_RESULT_FIRST KHELP_HHOOK_RESULT_FIRST
#define HHOOK_RESULT_STRICTEST KHELP_HHOOK_RESULT_STRICTEST

#define HHOOK_TYPE_TCP KHELP_HHOOK_TYPE_TCP
#define HHOOK_TYPE_SOCKET KHELP_HHOOK_TYPE_SOCKET
#define HHOOK_TYPE_IPSEC_IN KHELP_HHOOK_TYPE_IPSEC_IN
#define HHOOK_TYPE_IPSEC_OUT KHELP_HHOOK_TYPE_IPSEC_OUT
#define HHOOK_TYPE_APP \
  KHELP_HHOOK_TYPE_APP /* libkhelp's: an application's own types start here \
                        */

#define HHOOK_TCP_EST_IN KHELP_HHOOK_TCP_EST_IN
#define HHOOK_TCP_EST_OUT KHELP_HHOOK_TCP_EST_OUT
#define HHOOK_TCP_LAST KHELP_HHOOK_TCP_LAST

#define HHOOK_SOCKET_OPT KHELP_HHOOK_SOCKET_OPT
#define HHOOK_SOCKET_CREATE KHELP_HHOOK_SOCKET_CREATE
#define HHOOK_SOCKET_RCV KHELP_HHOOK_SOCKET_RCV
#define HHOOK_SOCKET_SND KHELP_HHOOK_SOCKET_SND
#define HHOOK_FILT_SOREAD KHELP_HHOOK_FILT_SOREAD
#define HHOOK_FILT_SOWRITE KHELP_HHOOK_FILT_SOWRITE
#define HHOOK_SOCKET_CLOSE KHELP_HHOOK_SOCKET_CLOSE
#define HHOOK_SOCKET_LAST KHELP_HHOOK_SOCKET_LAST

#define HHOOK_IPSEC_INET KHELP_HHOOK_IPSEC_INET
#define HHOOK_IPSEC_INET6 KHELP_HHOOK_IPSEC_INET6
#define HHOOK_IPSEC_COUNT KHELP_HHOOK_IPSEC_COUNT

typedef khelp_hhook_func_t hhook_func_t;

/* Without VIMAGE there is one instance, and nobody says which: what looks a point up by the current
 * instance gets the default one (H-21). */
#ifdef VIMAGE
#define KHELP_IN_ITS_INSTANCE(type, call) return (call)
#else
#define KHELP_IN_ITS_INSTANCE(type, call)                                             \
  struct vnet* const khelp_saved_vnet = khelp_vnet_set_current(khelp_vnet_default()); \
  type const khelp_answer = (call);                                                   \
  (void)khelp_vnet_set_current(khelp_saved_vnet);                                     \
  return khelp_answer
#endif

static inline int hhook_head_register(int32_t type, int32_t id, struct hhook_head** hhh,
                                      uint32_t flags) {
  KHELP_IN_ITS_INSTANCE(int, khelp_hhook_head_register(type, id, hhh, flags));
}

static inline int hhook_head_deregister(struct hhook_head* hhh) {
  return khelp_hhook_head_deregister(hhh);
}

static inline int hhook_head_deregister_lookup(int32_t type, int32_t id) {
  KHELP_IN_ITS_INSTANCE(int, khelp_hhook_head_deregister_lookup(type, id));
}

static inline struct hhook_head* hhook_head_get(int32_t type, int32_t id) {
  KHELP_IN_ITS_INSTANCE(struct hhook_head*, khelp_hhook_head_get(type, id));
}

static inline void hhook_head_release(struct hhook_head* hhh) {
  khelp_hhook_head_release(hhh);
}

static inline uint32_t hhook_head_is_virtualised(struct hhook_head* hhh) {
  return khelp_hhook_head_is_virtualised(hhh);
}

static inline uint32_t hhook_head_is_virtualised_lookup(int32_t type, int32_t id) {
  KHELP_IN_ITS_INSTANCE(uint32_t, khelp_hhook_head_is_virtualised_lookup(type, id));
}

static inline int hhook_add_hook(struct hhook_head* hhh, struct hookinfo* hki, uint32_t flags) {
  return khelp_hhook_add_hook(hhh, hki, flags);
}

static inline int hhook_add_hook_lookup(struct hookinfo* hki, uint32_t flags) {
  return khelp_hhook_add_hook_lookup(hki, flags);
}

static inline int hhook_remove_hook(struct hhook_head* hhh, struct hookinfo* hki) {
  return khelp_hhook_remove_hook(hhh, hki);
}

static inline int hhook_remove_hook_lookup(struct hookinfo* hki) {
  return khelp_hhook_remove_hook_lookup(hki);
}

static inline void hhook_run_hooks(struct hhook_head* hhh, void* ctx_data, struct osd* hosd) {
  khelp_hhook_run_hooks(hhh, ctx_data, hosd);
}

/// libkhelp's: the same with the combined result, by the rule the point was registered with.
static inline int hhook_run_hooks_result(struct hhook_head* hhh, void* ctx_data, struct osd* hosd) {
  return khelp_hhook_run_hooks_result(hhh, ctx_data, hosd);
}

/// libkhelp's: wait for runs that are inside. EDEADLK from inside a hook.
static inline int hhook_synchronize(struct hhook_head* hhh) {
  return khelp_hhook_synchronize(hhh);
}

/// Is anybody listening? For call sites whose context is costly to build.
#define HHOOKS_ENABLED(hhh) khelp_hhooks_enabled(hhh)

/// Run a point if it exists and somebody listens. Arguments are evaluated once, context included.
#define HHOOKS_RUN_IF(hhh, ctx_data, hosd) khelp_hhooks_run_if((hhh), (ctx_data), (hosd))

/// The same by name, for rare paths. The manual spells it the second way.
#ifdef VIMAGE
#define HHOOKS_RUN_LOOKUP_IF(type, id, ctx_data, hosd) \
  khelp_hhook_run_hooks_lookup((type), (id), (ctx_data), (hosd))
#else
#define HHOOKS_RUN_LOOKUP_IF(type, id, ctx_data, hosd)                                  \
  do {                                                                                  \
    struct vnet* const khelp_saved_vnet = khelp_vnet_set_current(khelp_vnet_default()); \
    khelp_hhook_run_hooks_lookup((type), (id), (ctx_data), (hosd));                     \
    (void)khelp_vnet_set_current(khelp_saved_vnet);                                     \
  } while (0)
#endif
#define HHOOKS_RUN_IF_LOOKUP(type, id, ctx_data, hosd) \
  HHOOKS_RUN_LOOKUP_IF(type, id, ctx_data, hosd)

#endif
