/// queue(3): four kinds of linked lists, threaded through their elements.
///
///            links back   tail   use it for
///   SLIST    no           no     stacks, rarely removed from
///   STAILQ   no           yes    first in, first out
///   LIST     yes          no     removal from the middle
///   TAILQ    yes          yes    all of it, and both directions
///
/// A head is named by its address, an element by its pointer, `field` is the element's ENTRY. A
/// "slot" below is the pointer that leads to an element: the head's first, or the next of the one
/// before. The _SAFE iterators allow removal of the element at hand; the _FROM ones start at the
/// variable's element, or at the head's if it is NULL.
///
/// The host's file of this name lacks _SAFE, _FROM, SWAP and others, so it is replaced, not
/// chained.
#ifndef KHELP_FREEBSD_SYS_QUEUE_H
#define KHELP_FREEBSD_SYS_QUEUE_H

#include <stddef.h>

/* ---- SLIST ---- */

#define SLIST_HEAD(name, type) \
  struct name {                \
    struct type* slh_first;    \
  }
#define SLIST_HEAD_INITIALIZER(head) \
  { NULL }
#define SLIST_ENTRY(type)  \
  struct {                 \
    struct type* sle_next; \
  }

#define SLIST_FIRST(head) ((head)->slh_first)
#define SLIST_NEXT(element, field) ((element)->field.sle_next)
#define SLIST_EMPTY(head) (SLIST_FIRST(head) == NULL)

#define SLIST_FOREACH(var, head, field) \
  for ((var) = SLIST_FIRST(head); (var) != NULL; (var) = SLIST_NEXT(var, field))
#define SLIST_FOREACH_FROM(var, head, field)                               \
  for ((var) = ((var) != NULL ? (var) : SLIST_FIRST(head)); (var) != NULL; \
       (var) = SLIST_NEXT(var, field))
#define SLIST_FOREACH_SAFE(var, head, field, following)                                       \
  for ((var) = SLIST_FIRST(head); (var) != NULL && ((following) = SLIST_NEXT(var, field), 1); \
       (var) = (following))
#define SLIST_FOREACH_FROM_SAFE(var, head, field, following) \
  for ((var) = ((var) != NULL ? (var) : SLIST_FIRST(head));  \
       (var) != NULL && ((following) = SLIST_NEXT(var, field), 1); (var) = (following))
/* `slot` stays the address of the pointer that leads to `var`. */
#define SLIST_FOREACH_PREVPTR(var, slot, head, field) \
  for ((slot) = &SLIST_FIRST(head); ((var) = *(slot)) != NULL; (slot) = &SLIST_NEXT(var, field))

#define SLIST_INIT(head)      \
  do {                        \
    SLIST_FIRST(head) = NULL; \
  } while (0)
#define SLIST_INSERT_HEAD(head, element, field)     \
  do {                                              \
    SLIST_NEXT(element, field) = SLIST_FIRST(head); \
    SLIST_FIRST(head) = (element);                  \
  } while (0)
#define SLIST_INSERT_AFTER(before, element, field)          \
  do {                                                      \
    SLIST_NEXT(element, field) = SLIST_NEXT(before, field); \
    SLIST_NEXT(before, field) = (element);                  \
  } while (0)
#define SLIST_REMOVE_HEAD(head, field)                        \
  do {                                                        \
    SLIST_FIRST(head) = SLIST_NEXT(SLIST_FIRST(head), field); \
  } while (0)
#define SLIST_REMOVE_AFTER(before, field)                                     \
  do {                                                                        \
    SLIST_NEXT(before, field) = SLIST_NEXT(SLIST_NEXT(before, field), field); \
  } while (0)
#define SLIST_REMOVE_PREVPTR(slot, element, field) \
  do {                                             \
    *(slot) = SLIST_NEXT(element, field);          \
  } while (0)
#define SLIST_REMOVE(head, element, type, field)    \
  do {                                              \
    struct type** queue_slot = &SLIST_FIRST(head);  \
    while (*queue_slot != (element))                \
      queue_slot = &SLIST_NEXT(*queue_slot, field); \
    *queue_slot = SLIST_NEXT(*queue_slot, field);   \
  } while (0)
#define SLIST_CONCAT(head, tail, type, field)       \
  do {                                              \
    struct type** queue_slot = &SLIST_FIRST(head);  \
    while (*queue_slot != NULL)                     \
      queue_slot = &SLIST_NEXT(*queue_slot, field); \
    *queue_slot = SLIST_FIRST(tail);                \
    SLIST_INIT(tail);                               \
  } while (0)
#define SLIST_SWAP(left, right, type)             \
  do {                                            \
    struct type* queue_first = SLIST_FIRST(left); \
    SLIST_FIRST(left) = SLIST_FIRST(right);       \
    SLIST_FIRST(right) = queue_first;             \
  } while (0)

/* ---- STAILQ ---- */

#define STAILQ_HEAD(name, type)                                         \
  struct name {                                                         \
    struct type* stqh_first;                                            \
    struct type** stqh_last; /* the slot where the next element goes */ \
  }
#define STAILQ_HEAD_INITIALIZER(head) \
  { NULL, &(head).stqh_first }
#define STAILQ_ENTRY(type)  \
  struct {                  \
    struct type* stqe_next; \
  }

#define STAILQ_FIRST(head) ((head)->stqh_first)
#define STAILQ_NEXT(element, field) ((element)->field.stqe_next)
#define STAILQ_EMPTY(head) (STAILQ_FIRST(head) == NULL)
#define STAILQ_LAST(head, type, field) \
  (STAILQ_EMPTY(head)                  \
       ? NULL                          \
       : (struct type*)(void*)((char*)(head)->stqh_last - offsetof(struct type, field.stqe_next)))

#define STAILQ_FOREACH(var, head, field) \
  for ((var) = STAILQ_FIRST(head); (var) != NULL; (var) = STAILQ_NEXT(var, field))
#define STAILQ_FOREACH_FROM(var, head, field)                               \
  for ((var) = ((var) != NULL ? (var) : STAILQ_FIRST(head)); (var) != NULL; \
       (var) = STAILQ_NEXT(var, field))
#define STAILQ_FOREACH_SAFE(var, head, field, following)                                        \
  for ((var) = STAILQ_FIRST(head); (var) != NULL && ((following) = STAILQ_NEXT(var, field), 1); \
       (var) = (following))
#define STAILQ_FOREACH_FROM_SAFE(var, head, field, following) \
  for ((var) = ((var) != NULL ? (var) : STAILQ_FIRST(head));  \
       (var) != NULL && ((following) = STAILQ_NEXT(var, field), 1); (var) = (following))

#define STAILQ_INIT(head)                    \
  do {                                       \
    STAILQ_FIRST(head) = NULL;               \
    (head)->stqh_last = &STAILQ_FIRST(head); \
  } while (0)
#define STAILQ_INSERT_HEAD(head, element, field)                    \
  do {                                                              \
    if ((STAILQ_NEXT(element, field) = STAILQ_FIRST(head)) == NULL) \
      (head)->stqh_last = &STAILQ_NEXT(element, field);             \
    STAILQ_FIRST(head) = (element);                                 \
  } while (0)
#define STAILQ_INSERT_TAIL(head, element, field)      \
  do {                                                \
    STAILQ_NEXT(element, field) = NULL;               \
    *(head)->stqh_last = (element);                   \
    (head)->stqh_last = &STAILQ_NEXT(element, field); \
  } while (0)
#define STAILQ_INSERT_AFTER(head, before, element, field)                   \
  do {                                                                      \
    if ((STAILQ_NEXT(element, field) = STAILQ_NEXT(before, field)) == NULL) \
      (head)->stqh_last = &STAILQ_NEXT(element, field);                     \
    STAILQ_NEXT(before, field) = (element);                                 \
  } while (0)
#define STAILQ_REMOVE_HEAD(head, field)                                        \
  do {                                                                         \
    if ((STAILQ_FIRST(head) = STAILQ_NEXT(STAILQ_FIRST(head), field)) == NULL) \
      (head)->stqh_last = &STAILQ_FIRST(head);                                 \
  } while (0)
#define STAILQ_REMOVE_AFTER(head, before, field)                                               \
  do {                                                                                         \
    if ((STAILQ_NEXT(before, field) = STAILQ_NEXT(STAILQ_NEXT(before, field), field)) == NULL) \
      (head)->stqh_last = &STAILQ_NEXT(before, field);                                         \
  } while (0)
#define STAILQ_REMOVE(head, element, type, field)                \
  do {                                                           \
    struct type** queue_slot = &STAILQ_FIRST(head);              \
    while (*queue_slot != (element))                             \
      queue_slot = &STAILQ_NEXT(*queue_slot, field);             \
    if ((*queue_slot = STAILQ_NEXT(*queue_slot, field)) == NULL) \
      (head)->stqh_last = queue_slot;                            \
  } while (0)
#define STAILQ_CONCAT(head, tail)              \
  do {                                         \
    if (!STAILQ_EMPTY(tail)) {                 \
      *(head)->stqh_last = STAILQ_FIRST(tail); \
      (head)->stqh_last = (tail)->stqh_last;   \
      STAILQ_INIT(tail);                       \
    }                                          \
  } while (0)
#define STAILQ_SWAP(left, right, type)             \
  do {                                             \
    struct type* queue_first = STAILQ_FIRST(left); \
    struct type** queue_last = (left)->stqh_last;  \
    STAILQ_FIRST(left) = STAILQ_FIRST(right);      \
    (left)->stqh_last = (right)->stqh_last;        \
    STAILQ_FIRST(right) = queue_first;             \
    (right)->stqh_last = queue_last;               \
    if (STAILQ_EMPTY(left))                        \
      (left)->stqh_last = &STAILQ_FIRST(left);     \
    if (STAILQ_EMPTY(right))                       \
      (right)->stqh_last = &STAILQ_FIRST(right);   \
  } while (0)

/* ---- LIST ---- */

#define LIST_HEAD(name, type) \
  struct name {               \
    struct type* lh_first;    \
  }
#define LIST_HEAD_INITIALIZER(head) \
  { NULL }
#define LIST_ENTRY(type)                                  \
  struct {                                                \
    struct type* le_next;                                 \
    struct type** le_prev; /* the slot that leads here */ \
  }

#define LIST_FIRST(head) ((head)->lh_first)
#define LIST_NEXT(element, field) ((element)->field.le_next)
#define LIST_EMPTY(head) (LIST_FIRST(head) == NULL)
#define LIST_PREV(element, head, type, field)                    \
  ((element)->field.le_prev == &LIST_FIRST(head)                 \
       ? NULL                                                    \
       : (struct type*)(void*)((char*)(element)->field.le_prev - \
                               offsetof(struct type, field.le_next)))

#define LIST_FOREACH(var, head, field) \
  for ((var) = LIST_FIRST(head); (var) != NULL; (var) = LIST_NEXT(var, field))
#define LIST_FOREACH_FROM(var, head, field)                               \
  for ((var) = ((var) != NULL ? (var) : LIST_FIRST(head)); (var) != NULL; \
       (var) = LIST_NEXT(var, field))
#define LIST_FOREACH_SAFE(var, head, field, following)                                      \
  for ((var) = LIST_FIRST(head); (var) != NULL && ((following) = LIST_NEXT(var, field), 1); \
       (var) = (following))
#define LIST_FOREACH_FROM_SAFE(var, head, field, following) \
  for ((var) = ((var) != NULL ? (var) : LIST_FIRST(head));  \
       (var) != NULL && ((following) = LIST_NEXT(var, field), 1); (var) = (following))

#define LIST_INIT(head)      \
  do {                       \
    LIST_FIRST(head) = NULL; \
  } while (0)
#define LIST_INSERT_HEAD(head, element, field)                      \
  do {                                                              \
    if ((LIST_NEXT(element, field) = LIST_FIRST(head)) != NULL)     \
      LIST_FIRST(head)->field.le_prev = &LIST_NEXT(element, field); \
    LIST_FIRST(head) = (element);                                   \
    (element)->field.le_prev = &LIST_FIRST(head);                   \
  } while (0)
#define LIST_INSERT_AFTER(before, element, field)                           \
  do {                                                                      \
    if ((LIST_NEXT(element, field) = LIST_NEXT(before, field)) != NULL)     \
      LIST_NEXT(before, field)->field.le_prev = &LIST_NEXT(element, field); \
    LIST_NEXT(before, field) = (element);                                   \
    (element)->field.le_prev = &LIST_NEXT(before, field);                   \
  } while (0)
#define LIST_INSERT_BEFORE(behind, element, field)        \
  do {                                                    \
    (element)->field.le_prev = (behind)->field.le_prev;   \
    LIST_NEXT(element, field) = (behind);                 \
    *(behind)->field.le_prev = (element);                 \
    (behind)->field.le_prev = &LIST_NEXT(element, field); \
  } while (0)
#define LIST_REMOVE(element, field)                                        \
  do {                                                                     \
    if (LIST_NEXT(element, field) != NULL)                                 \
      LIST_NEXT(element, field)->field.le_prev = (element)->field.le_prev; \
    *(element)->field.le_prev = LIST_NEXT(element, field);                 \
  } while (0)
#define LIST_REPLACE(element, other, field)                              \
  do {                                                                   \
    if ((LIST_NEXT(other, field) = LIST_NEXT(element, field)) != NULL)   \
      LIST_NEXT(other, field)->field.le_prev = &LIST_NEXT(other, field); \
    (other)->field.le_prev = (element)->field.le_prev;                   \
    *(other)->field.le_prev = (other);                                   \
  } while (0)
#define LIST_CONCAT(head, tail, type, field)        \
  do {                                              \
    struct type** queue_slot = &LIST_FIRST(head);   \
    while (*queue_slot != NULL)                     \
      queue_slot = &LIST_NEXT(*queue_slot, field);  \
    if ((*queue_slot = LIST_FIRST(tail)) != NULL)   \
      LIST_FIRST(tail)->field.le_prev = queue_slot; \
    LIST_INIT(tail);                                \
  } while (0)
#define LIST_SWAP(left, right, type, field)                  \
  do {                                                       \
    struct type* queue_first = LIST_FIRST(left);             \
    if ((LIST_FIRST(left) = LIST_FIRST(right)) != NULL)      \
      LIST_FIRST(left)->field.le_prev = &LIST_FIRST(left);   \
    if ((LIST_FIRST(right) = queue_first) != NULL)           \
      LIST_FIRST(right)->field.le_prev = &LIST_FIRST(right); \
  } while (0)

/* ---- TAILQ ---- */

#define TAILQ_HEAD(name, type)                                         \
  struct name {                                                        \
    struct type* tqh_first;                                            \
    struct type** tqh_last; /* the slot where the next element goes */ \
  }
#define TAILQ_HEAD_INITIALIZER(head) \
  { NULL, &(head).tqh_first }
#define TAILQ_ENTRY(type)                                  \
  struct {                                                 \
    struct type* tqe_next;                                 \
    struct type** tqe_prev; /* the slot that leads here */ \
  }

#define TAILQ_FIRST(head) ((head)->tqh_first)
#define TAILQ_NEXT(element, field) ((element)->field.tqe_next)
#define TAILQ_EMPTY(head) (TAILQ_FIRST(head) == NULL)
/* A head is laid out like an entry, so the pointer after a slot is that struct's own way back: the
 * slot of the element before. Read as a plain pointer, not as another struct (strict aliasing). */
#define KHELP_TAILQ_BEFORE(slot) (**(__typeof__(slot)*)(void*)((slot) + 1))
#define TAILQ_LAST(head, headname) KHELP_TAILQ_BEFORE((head)->tqh_last)
#define TAILQ_PREV(element, headname, field) KHELP_TAILQ_BEFORE((element)->field.tqe_prev)
#define TAILQ_LAST_FAST(head, type, field) \
  (TAILQ_EMPTY(head)                       \
       ? NULL                              \
       : (struct type*)(void*)((char*)(head)->tqh_last - offsetof(struct type, field.tqe_next)))
#define TAILQ_PREV_FAST(element, head, type, field)               \
  ((element)->field.tqe_prev == &TAILQ_FIRST(head)                \
       ? NULL                                                     \
       : (struct type*)(void*)((char*)(element)->field.tqe_prev - \
                               offsetof(struct type, field.tqe_next)))

#define TAILQ_FOREACH(var, head, field) \
  for ((var) = TAILQ_FIRST(head); (var) != NULL; (var) = TAILQ_NEXT(var, field))
#define TAILQ_FOREACH_FROM(var, head, field)                               \
  for ((var) = ((var) != NULL ? (var) : TAILQ_FIRST(head)); (var) != NULL; \
       (var) = TAILQ_NEXT(var, field))
#define TAILQ_FOREACH_SAFE(var, head, field, following)                                       \
  for ((var) = TAILQ_FIRST(head); (var) != NULL && ((following) = TAILQ_NEXT(var, field), 1); \
       (var) = (following))
#define TAILQ_FOREACH_FROM_SAFE(var, head, field, following) \
  for ((var) = ((var) != NULL ? (var) : TAILQ_FIRST(head));  \
       (var) != NULL && ((following) = TAILQ_NEXT(var, field), 1); (var) = (following))
#define TAILQ_FOREACH_REVERSE(var, head, headname, field) \
  for ((var) = TAILQ_LAST(head, headname); (var) != NULL; (var) = TAILQ_PREV(var, headname, field))
#define TAILQ_FOREACH_REVERSE_FROM(var, head, headname, field)                      \
  for ((var) = ((var) != NULL ? (var) : TAILQ_LAST(head, headname)); (var) != NULL; \
       (var) = TAILQ_PREV(var, headname, field))
#define TAILQ_FOREACH_REVERSE_SAFE(var, head, headname, field, following) \
  for ((var) = TAILQ_LAST(head, headname);                                \
       (var) != NULL && ((following) = TAILQ_PREV(var, headname, field), 1); (var) = (following))
#define TAILQ_FOREACH_REVERSE_FROM_SAFE(var, head, headname, field, following) \
  for ((var) = ((var) != NULL ? (var) : TAILQ_LAST(head, headname));           \
       (var) != NULL && ((following) = TAILQ_PREV(var, headname, field), 1); (var) = (following))

#define TAILQ_INIT(head)                   \
  do {                                     \
    TAILQ_FIRST(head) = NULL;              \
    (head)->tqh_last = &TAILQ_FIRST(head); \
  } while (0)
#define TAILQ_INSERT_HEAD(head, element, field)                        \
  do {                                                                 \
    if ((TAILQ_NEXT(element, field) = TAILQ_FIRST(head)) != NULL)      \
      TAILQ_FIRST(head)->field.tqe_prev = &TAILQ_NEXT(element, field); \
    else                                                               \
      (head)->tqh_last = &TAILQ_NEXT(element, field);                  \
    TAILQ_FIRST(head) = (element);                                     \
    (element)->field.tqe_prev = &TAILQ_FIRST(head);                    \
  } while (0)
#define TAILQ_INSERT_TAIL(head, element, field)     \
  do {                                              \
    TAILQ_NEXT(element, field) = NULL;              \
    (element)->field.tqe_prev = (head)->tqh_last;   \
    *(head)->tqh_last = (element);                  \
    (head)->tqh_last = &TAILQ_NEXT(element, field); \
  } while (0)
#define TAILQ_INSERT_AFTER(head, before, element, field)                       \
  do {                                                                         \
    if ((TAILQ_NEXT(element, field) = TAILQ_NEXT(before, field)) != NULL)      \
      TAILQ_NEXT(before, field)->field.tqe_prev = &TAILQ_NEXT(element, field); \
    else                                                                       \
      (head)->tqh_last = &TAILQ_NEXT(element, field);                          \
    TAILQ_NEXT(before, field) = (element);                                     \
    (element)->field.tqe_prev = &TAILQ_NEXT(before, field);                    \
  } while (0)
#define TAILQ_INSERT_BEFORE(behind, element, field)         \
  do {                                                      \
    (element)->field.tqe_prev = (behind)->field.tqe_prev;   \
    TAILQ_NEXT(element, field) = (behind);                  \
    *(behind)->field.tqe_prev = (element);                  \
    (behind)->field.tqe_prev = &TAILQ_NEXT(element, field); \
  } while (0)
#define TAILQ_REMOVE(head, element, field)                                    \
  do {                                                                        \
    if (TAILQ_NEXT(element, field) != NULL)                                   \
      TAILQ_NEXT(element, field)->field.tqe_prev = (element)->field.tqe_prev; \
    else                                                                      \
      (head)->tqh_last = (element)->field.tqe_prev;                           \
    *(element)->field.tqe_prev = TAILQ_NEXT(element, field);                  \
  } while (0)
#define TAILQ_REPLACE(head, element, other, field)                          \
  do {                                                                      \
    if ((TAILQ_NEXT(other, field) = TAILQ_NEXT(element, field)) != NULL)    \
      TAILQ_NEXT(other, field)->field.tqe_prev = &TAILQ_NEXT(other, field); \
    else                                                                    \
      (head)->tqh_last = &TAILQ_NEXT(other, field);                         \
    (other)->field.tqe_prev = (element)->field.tqe_prev;                    \
    *(other)->field.tqe_prev = (other);                                     \
  } while (0)
#define TAILQ_CONCAT(head, tail, field)                     \
  do {                                                      \
    if (!TAILQ_EMPTY(tail)) {                               \
      *(head)->tqh_last = TAILQ_FIRST(tail);                \
      TAILQ_FIRST(tail)->field.tqe_prev = (head)->tqh_last; \
      (head)->tqh_last = (tail)->tqh_last;                  \
      TAILQ_INIT(tail);                                     \
    }                                                       \
  } while (0)
#define TAILQ_SWAP(left, right, type, field)                    \
  do {                                                          \
    struct type* queue_first = TAILQ_FIRST(left);               \
    struct type** queue_last = (left)->tqh_last;                \
    TAILQ_FIRST(left) = TAILQ_FIRST(right);                     \
    (left)->tqh_last = (right)->tqh_last;                       \
    TAILQ_FIRST(right) = queue_first;                           \
    (right)->tqh_last = queue_last;                             \
    if (!TAILQ_EMPTY(left))                                     \
      TAILQ_FIRST(left)->field.tqe_prev = &TAILQ_FIRST(left);   \
    else                                                        \
      (left)->tqh_last = &TAILQ_FIRST(left);                    \
    if (!TAILQ_EMPTY(right))                                    \
      TAILQ_FIRST(right)->field.tqe_prev = &TAILQ_FIRST(right); \
    else                                                        \
      (right)->tqh_last = &TAILQ_FIRST(right);                  \
  } while (0)

#endif
