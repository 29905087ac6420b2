/// queue(3): the host's lists and queues, and what NetBSD has beyond them.
///
/// The _SAFE iterators allow removal of the element at hand: `following` is the one after it.
#pragma GCC system_header
#include_next <sys/queue.h>

#ifndef KHELP_NETBSD_SYS_QUEUE_H
#define KHELP_NETBSD_SYS_QUEUE_H

#include <stddef.h>

#define SLIST_END(head) NULL
#define LIST_END(head) NULL
#define SIMPLEQ_END(head) NULL
#define STAILQ_END(head) NULL
#define TAILQ_END(head) NULL

/* ---- iterators ---- */

#define KHELP_QUEUE_SAFE(var, first, next, following) \
  for ((var) = (first); (var) != NULL && ((following) = (next), 1); (var) = (following))

#define SLIST_FOREACH_SAFE(var, head, field, following) \
  KHELP_QUEUE_SAFE(var, SLIST_FIRST(head), SLIST_NEXT(var, field), following)
#define LIST_FOREACH_SAFE(var, head, field, following) \
  KHELP_QUEUE_SAFE(var, LIST_FIRST(head), LIST_NEXT(var, field), following)
#define SIMPLEQ_FOREACH_SAFE(var, head, field, following) \
  KHELP_QUEUE_SAFE(var, SIMPLEQ_FIRST(head), SIMPLEQ_NEXT(var, field), following)
#define STAILQ_FOREACH_SAFE(var, head, field, following) \
  KHELP_QUEUE_SAFE(var, STAILQ_FIRST(head), STAILQ_NEXT(var, field), following)
#define TAILQ_FOREACH_SAFE(var, head, field, following) \
  KHELP_QUEUE_SAFE(var, TAILQ_FIRST(head), TAILQ_NEXT(var, field), following)
#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, following) \
  KHELP_QUEUE_SAFE(var, TAILQ_LAST(head, headname), TAILQ_PREV(var, headname, field), following)

/* ---- the last element; NULL: there is none ---- */

/* From the address of its link, which the head keeps. */
#define KHELP_QUEUE_OWNER(link, type, field) \
  ((struct type*)(void*)((char*)(void*)(link)-offsetof(struct type, field)))

#define SIMPLEQ_LAST(head, type, field) \
  (SIMPLEQ_EMPTY(head) ? NULL : KHELP_QUEUE_OWNER((head)->sqh_last, type, field.sqe_next))
#define STAILQ_LAST(head, type, field) \
  (STAILQ_EMPTY(head) ? NULL : KHELP_QUEUE_OWNER((head)->stqh_last, type, field.stqe_next))

/* ---- changes ---- */

#define SLIST_REMOVE_AFTER(element, field)                                      \
  do {                                                                          \
    SLIST_NEXT(element, field) = SLIST_NEXT(SLIST_NEXT(element, field), field); \
  } while (0)

#define SIMPLEQ_REMOVE_AFTER(head, element, field)                                    \
  do {                                                                                \
    SIMPLEQ_NEXT(element, field) = SIMPLEQ_NEXT(SIMPLEQ_NEXT(element, field), field); \
    if (SIMPLEQ_NEXT(element, field) == NULL)                                         \
      (head)->sqh_last = &SIMPLEQ_NEXT(element, field);                               \
  } while (0)

/// Append all of the second queue to the first, and leave it empty.
#define SIMPLEQ_CONCAT(head, other)             \
  do {                                          \
    if (!SIMPLEQ_EMPTY(other)) {                \
      *(head)->sqh_last = SIMPLEQ_FIRST(other); \
      (head)->sqh_last = (other)->sqh_last;     \
      SIMPLEQ_INIT(other);                      \
    }                                           \
  } while (0)

/// Move a whole list to a head that has none.
#define LIST_MOVE(from, to, field)                     \
  do {                                                 \
    LIST_FIRST(to) = LIST_FIRST(from);                 \
    if (LIST_FIRST(to) != NULL)                        \
      LIST_FIRST(to)->field.le_prev = &LIST_FIRST(to); \
    LIST_INIT(from);                                   \
  } while (0)

/// Put an element where another one was.
#define LIST_REPLACE(element, other, field)                              \
  do {                                                                   \
    LIST_NEXT(other, field) = LIST_NEXT(element, field);                 \
    if (LIST_NEXT(other, field) != NULL)                                 \
      LIST_NEXT(other, field)->field.le_prev = &LIST_NEXT(other, field); \
    (other)->field.le_prev = (element)->field.le_prev;                   \
    *(other)->field.le_prev = (other);                                   \
  } while (0)
#define TAILQ_REPLACE(head, element, other, field)                          \
  do {                                                                      \
    TAILQ_NEXT(other, field) = TAILQ_NEXT(element, field);                  \
    if (TAILQ_NEXT(other, field) != NULL)                                   \
      TAILQ_NEXT(other, field)->field.tqe_prev = &TAILQ_NEXT(other, field); \
    else                                                                    \
      (head)->tqh_last = &TAILQ_NEXT(other, field);                         \
    (other)->field.tqe_prev = (element)->field.tqe_prev;                    \
    *(other)->field.tqe_prev = (other);                                     \
  } while (0)

#endif
