/// Hook points of a C program, each declared in one line and run in one.
///
///   struct command { const char *name; unsigned long bytes; };
///   KHELP_POINT(command_point, "server.command", KHELP_HHOOK_RESULT_FIRST, command, name, bytes);
///
///   main():     if (khelp_points_open() != 0) errx(1, "%s", khelp_failure_text());
///   anywhere:   if (KHELP_DECIDE(command_point, &c, &connection->slots) != 0) refuse(connection);
///
/// In C++ a khelp::hook_point (khelp.hpp) does this.
#ifndef KHELP_POINT_H
#define KHELP_POINT_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/hhook.h>
#include <khelp/module.h>
#include <khelp/osd.h>

KHELP_BEGIN_DECLS

/// A point and what it declares. Make one with KHELP_POINT(); in a header, say
/// `extern struct khelp_point command_point;`.
struct khelp_point {
  struct khelp_hhook_head head;
  const char* name;
  const char* event;
  uint64_t fingerprint;
  uint32_t flags;
  int32_t type; /**< type and id 0: those of the name */
  int32_t id;
  int32_t result_when_skipped; /**< see struct khelp_hhook_head_x */
  const struct khelp_modinfo_fields* fields;
};

/// Define a point, at file scope: its name, how it combines results (KHELP_HHOOK_RESULT_...), its
/// event, which is `struct event`, and up to 16 fields of that, which are the layout that helpers are
/// compiled against.
#define KHELP_POINT(point, name, flags, event, ...) \
  KHELP_POINT_AT(point, name, 0, 0, flags, event, __VA_ARGS__)

/// The same with a type and an id, which helpers in FreeBSD's style need. Helpers find the point by its
/// name, too.
#define KHELP_POINT_AT(point, name, type, id, flags, event, ...) \
  KHELP_POINT_X(point, name, type, id, flags, 0, event, __VA_ARGS__)

/// The same with what a hook counts for that was skipped or threw (struct khelp_hhook_head_x): with
/// EACCES, say, a policy fails closed.
#define KHELP_POINT_X(point, name, type, id, flags, result_when_skipped, event, ...) \
  static const struct {                                                              \
    struct khelp_modinfo_fields table;                                               \
    struct khelp_event_field fields[KHELP_FP_COUNT(__VA_ARGS__)];                    \
  } khelp_fields_of_##point = KHELP_EVENT_FIELDS(#event, struct event, __VA_ARGS__); \
  struct khelp_point point = {{0, 0, 0, 0, 0, 0, 0, {0, 0, 0}, 0, {0}},              \
                              name,                                                  \
                              #event,                                                \
                              KHELP_FINGERPRINT(struct event, __VA_ARGS__),          \
                              flags,                                                 \
                              type,                                                  \
                              id,                                                    \
                              result_when_skipped,                                   \
                              &khelp_fields_of_##point.table};                       \
  static struct khelp_point* const khelp_point_of_##point                            \
      __attribute__((section("khelp_points"), used, retain)) = &point

/// Run a point, if somebody listens.
///
/// Shape    event: a pointer to the struct that the point was defined for. slots: of the object that
///          it happens to, or NULL.
/// Context  as khelp_hhook_run_hooks().
/// Cost     idle: one load and one branch.
#define KHELP_RUN(point, event, slots) khelp_hhooks_run_if(&(point).head, (event), (slots))

/// Run a point and have its hooks' verdict, combined as the point says: 0 where nobody listens.
#define KHELP_DECIDE(point, event, slots)                              \
  (KHELP_UNLIKELY(khelp_hhooks_enabled(&(point).head))                 \
       ? khelp_hhook_run_hooks_result(&(point).head, (event), (slots)) \
       : 0)

/* The linker names the ends of the section; a program without points has none. */
extern struct khelp_point* const __start_khelp_points[] __attribute__((weak, visibility("hidden")));
extern struct khelp_point* const __stop_khelp_points[] __attribute__((weak, visibility("hidden")));

/// Deregister the points of this program, or of the shared library that calls it, that are open.
///
/// Context  waits for runs that are inside, as khelp_hhook_head_deregister().
static inline void khelp_points_close(void) {
  struct khelp_point* const* at;
  for (at = __start_khelp_points; at != __stop_khelp_points; ++at)
    khelp_hhook_head_deregister(&(*at)->head);
}

/// Register every KHELP_POINT() of this program, or of the shared library that calls it.
///
/// Context  any thread; once.
/// Errors   as khelp_hhook_head_register_x(), of the first point that cannot be registered:
///          khelp_failure_text() names it. Those before it stay until khelp_points_close().
static inline int khelp_points_open(void) {
  struct khelp_point* const* at;
  for (at = __start_khelp_points; at != __stop_khelp_points; ++at) {
    struct khelp_point* point = *at;
    int32_t type = point->type;
    int32_t id = point->id;
    struct khelp_hhook_head_x x = {sizeof x, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    int error = 0;
    x.flags = point->flags | KHELP_HHOOK_WAITOK;
    x.name = point->name;
    x.event = point->event;
    x.fingerprint = point->fingerprint;
    x.result_when_skipped = point->result_when_skipped;
    x.fields = point->fields;
    if (type == 0 && id == 0)
      error = khelp_hhook_name(point->name, &type, &id);
    if (error == 0)
      error = khelp_hhook_head_register_x(type, id, &point->head, NULL, &x);
    if (error != 0)
      return error;
  }
  return 0;
}

KHELP_END_DECLS

#endif
