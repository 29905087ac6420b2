/// What the framework counts: per hook and point, per helper. Reading does not stop anybody.
#ifndef KHELP_STATS_H
#define KHELP_STATS_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/hhook.h>

KHELP_BEGIN_DECLS

/// Why a hook was not called by a run that reached it.
enum khelp_skip {
  KHELP_SKIP_NO_DATA = 0,   /**< needs per-object data; the object has none (older, or no object) */
  KHELP_SKIP_NO_MEMORY = 1, /**< adoption of the object failed: no memory */
  KHELP_SKIP_SUSPENDED = 2, /**< it threw or was suspended, and nobody resumed it */
  KHELP_SKIP_RECURSION = 3, /**< the run nested deeper than the point's limit */
  KHELP_SKIP_CONSTRUCTOR = 4, /**< the constructor of its data threw, or refused the object */
  KHELP_SKIP_REASONS = 5
};
/// "no-data", "no-memory", "suspended", "recursion", "constructor".
KHELP_API const char* khelp_skip_name(int reason) KHELP_NOTHROW;

enum khelp_hook_state {
  KHELP_HOOK_ATTACHED = 1,
  KHELP_HOOK_PENDING = 2, /**< its point is not registered */
  KHELP_HOOK_SUSPENDED = 3,
  KHELP_HOOK_MISFIT = 4 /**< its point is registered, with an event of another name or layout */
};

/// One hook at one point, or at none (pending, misfit). Strings live as long as the callback.
struct khelp_hook_stat {
  uint32_t size;
  int32_t type;
  int32_t id;
  uint32_t state;     /**< enum khelp_hook_state */
  uint64_t instance;  /**< serial; 0: not virtualised */
  const char* helper; /**< "" for hooks of nobody */
  const char* point;  /**< the point's name, or "type/id" */
  const char* why;    /**< in words: why it stands at this position, or at none */
  uint32_t position;  /**< 0 runs first */
  int32_t priority;
  uint64_t calls; /**< times the hook was called, thrown ones included */
  uint64_t skipped[KHELP_SKIP_REASONS];
  uint64_t exceptions;
  uint64_t timed_calls; /**< while timing was on */
  uint64_t timed_ns;
};

/// Call fn for every hook, point by point, in running order; then those that are at no point. No lock is held
/// while fn runs. Errors: ENOMEM.
KHELP_API int khelp_stats_hooks(void (*fn)(void* arg, const struct khelp_hook_stat* stat),
                                void* arg);

/// One helper.
struct khelp_helper_stat {
  uint32_t size;
  int32_t id;
  uint32_t version;
  uint32_t state; /**< enum khelp_helper_state */
  const char* name;
  uint64_t attached; /**< objects that hold its data now */
  uint64_t attached_total;
  uint64_t adopted;         /**< of these, at a hook call */
  uint64_t attach_failures; /**< no memory: khelp_init_osd() failed, or the adoption */
  uint64_t calls;           /**< over all its hooks, removed ones included */
  uint64_t skipped[KHELP_SKIP_REASONS];
  uint64_t exceptions;
  uint64_t refused; /**< times the constructor of its data threw, or refused the object */
};
enum khelp_helper_state {
  KHELP_HELPER_COMING = 1,
  KHELP_HELPER_LIVE = 2,
  KHELP_HELPER_DRAINING = 3,
  KHELP_HELPER_GOING = 4,
  KHELP_HELPER_DEAD = 5
};
/// Call fn for every helper in load order. Errors: ENOMEM.
KHELP_API int khelp_stats_helpers(void (*fn)(void* arg, const struct khelp_helper_stat* stat),
                                  void* arg);

/// Measure the time of every hook call from now on, or stop. Changes the published hooks, not the
/// code that runs them: off costs nothing. Errors: ENOMEM.
KHELP_API int khelp_stats_timing(int on);

KHELP_END_DECLS

#endif
