/// queue(3), our own text: every macro, checked against the letters a list then holds.
#include <string.h>
#include <sys/queue.h>

#include "freebsd_check.h"

struct letter {
  char is;
  SLIST_ENTRY(letter) s;
  STAILQ_ENTRY(letter) st;
  LIST_ENTRY(letter) l;
  TAILQ_ENTRY(letter) t;
};
SLIST_HEAD(slist, letter);
STAILQ_HEAD(stailq, letter);
LIST_HEAD(list, letter);
TAILQ_HEAD(tailq, letter);

static struct letter pool[8]; /* pool[0] is 'a' */

static void fresh_letters(void) {
  int i;
  memset(pool, 0x55, sizeof pool);
  for (i = 0; i < 8; i++)
    pool[i].is = (char)('a' + i);
}
static struct letter* of(char letter) {
  return &pool[letter - 'a'];
}

/* The letters a FOREACH macro visits. */
#define VISITED(word, var, loop)         \
  do {                                   \
    char seen[16] = "";                  \
    loop seen[strlen(seen)] = (var)->is; \
    CHECK(strcmp(seen, word) == 0);      \
  } while (0)

static void check_slist(struct slist* head, const char* word) {
  struct letter *v, *next, **slot;
  VISITED(word, v, SLIST_FOREACH(v, head, s));
  VISITED(word, v, SLIST_FOREACH_SAFE(v, head, s, next));
  VISITED(word, v, SLIST_FOREACH_PREVPTR(v, slot, head, s));
  v = NULL;
  VISITED(word, v, SLIST_FOREACH_FROM(v, head, s));
  v = SLIST_FIRST(head);
  VISITED(word, v, SLIST_FOREACH_FROM_SAFE(v, head, s, next));
  CHECK(SLIST_EMPTY(head) == (word[0] == '\0'));
}

static void singly_linked_lists_do_as_they_say(void) {
  struct slist head = SLIST_HEAD_INITIALIZER(head), other;
  struct letter *v, *next, **slot;
  fresh_letters();
  SLIST_INIT(&other);
  check_slist(&head, "");
  SLIST_INSERT_HEAD(&head, of('b'), s);
  SLIST_INSERT_HEAD(&head, of('a'), s);
  SLIST_INSERT_AFTER(of('b'), of('c'), s);
  check_slist(&head, "abc");
  SLIST_REMOVE(&head, of('b'), letter, s);
  check_slist(&head, "ac");
  SLIST_INSERT_HEAD(&other, of('d'), s);
  SLIST_CONCAT(&head, &other, letter, s);
  check_slist(&head, "acd");
  check_slist(&other, "");
  SLIST_SWAP(&head, &other, letter);
  check_slist(&head, "");
  check_slist(&other, "acd");
  SLIST_REMOVE_AFTER(of('a'), s);
  check_slist(&other, "ad");
  SLIST_FOREACH_PREVPTR(v, slot, &other, s) {
    if (v->is == 'd') {
      SLIST_REMOVE_PREVPTR(slot, v, s);
      break;
    }
  }
  check_slist(&other, "a");
  SLIST_FOREACH_SAFE(v, &other, s, next) SLIST_REMOVE_HEAD(&other, s);
  check_slist(&other, "");
}

static void check_stailq(struct stailq* head, const char* word) {
  struct letter *v, *next;
  struct letter* last = STAILQ_LAST(head, letter, st);
  VISITED(word, v, STAILQ_FOREACH(v, head, st));
  VISITED(word, v, STAILQ_FOREACH_SAFE(v, head, st, next));
  v = NULL;
  VISITED(word, v, STAILQ_FOREACH_FROM(v, head, st));
  v = STAILQ_FIRST(head);
  VISITED(word, v, STAILQ_FOREACH_FROM_SAFE(v, head, st, next));
  CHECK(STAILQ_EMPTY(head) == (word[0] == '\0'));
  CHECK(word[0] == '\0' ? last == NULL : last->is == word[strlen(word) - 1]);
  CHECK(*head->stqh_last == NULL);
}

static void singly_linked_tail_queues_do_as_they_say(void) {
  struct stailq head = STAILQ_HEAD_INITIALIZER(head), other;
  fresh_letters();
  STAILQ_INIT(&other);
  check_stailq(&head, "");
  STAILQ_INSERT_HEAD(&head, of('b'), st);
  STAILQ_INSERT_HEAD(&head, of('a'), st);
  STAILQ_INSERT_TAIL(&head, of('d'), st);
  STAILQ_INSERT_AFTER(&head, of('b'), of('c'), st);
  STAILQ_INSERT_AFTER(&head, of('d'), of('e'), st);
  check_stailq(&head, "abcde");
  STAILQ_REMOVE(&head, of('e'), letter, st);
  STAILQ_REMOVE(&head, of('b'), letter, st);
  check_stailq(&head, "acd");
  STAILQ_REMOVE_AFTER(&head, of('c'), st);
  check_stailq(&head, "ac");
  STAILQ_CONCAT(&head, &other);
  STAILQ_INSERT_TAIL(&other, of('f'), st);
  STAILQ_CONCAT(&head, &other);
  check_stailq(&head, "acf");
  check_stailq(&other, "");
  STAILQ_SWAP(&head, &other, letter);
  check_stailq(&head, "");
  check_stailq(&other, "acf");
  STAILQ_INSERT_TAIL(&head, of('g'), st);
  STAILQ_SWAP(&head, &other, letter);
  check_stailq(&head, "acf");
  check_stailq(&other, "g");
  STAILQ_REMOVE_HEAD(&other, st);
  check_stailq(&other, "");
  STAILQ_INSERT_TAIL(&other, of('h'), st); /* where its tail should be */
  check_stailq(&other, "h");
  STAILQ_REMOVE_HEAD(&other, st);
  STAILQ_SWAP(&head, &other, letter);
  STAILQ_SWAP(&head, &other, letter);
  STAILQ_INSERT_TAIL(&other, of('h'), st);
  check_stailq(&other, "h");
  STAILQ_REMOVE_HEAD(&head, st);
  check_stailq(&head, "cf");
}

static void check_list(struct list* head, const char* word) {
  struct letter *v, *next, *before = NULL;
  VISITED(word, v, LIST_FOREACH(v, head, l));
  VISITED(word, v, LIST_FOREACH_SAFE(v, head, l, next));
  v = NULL;
  VISITED(word, v, LIST_FOREACH_FROM(v, head, l));
  v = LIST_FIRST(head);
  VISITED(word, v, LIST_FOREACH_FROM_SAFE(v, head, l, next));
  LIST_FOREACH(v, head, l) {
    CHECK(LIST_PREV(v, head, letter, l) == before);
    before = v;
  }
  CHECK(LIST_EMPTY(head) == (word[0] == '\0'));
}

static void lists_do_as_they_say(void) {
  struct list head = LIST_HEAD_INITIALIZER(head), other;
  fresh_letters();
  LIST_INIT(&other);
  check_list(&head, "");
  LIST_INSERT_HEAD(&head, of('c'), l);
  LIST_INSERT_HEAD(&head, of('a'), l);
  LIST_INSERT_BEFORE(of('c'), of('b'), l);
  LIST_INSERT_AFTER(of('c'), of('d'), l);
  LIST_INSERT_AFTER(of('c'), of('e'), l);
  check_list(&head, "abced");
  LIST_REMOVE(of('d'), l);
  LIST_REMOVE(of('a'), l);
  LIST_REPLACE(of('c'), of('f'), l);
  check_list(&head, "bfe");
  LIST_CONCAT(&head, &other, letter, l);
  LIST_INSERT_HEAD(&other, of('g'), l);
  LIST_CONCAT(&head, &other, letter, l);
  check_list(&head, "bfeg");
  check_list(&other, "");
  LIST_SWAP(&head, &other, letter, l);
  check_list(&head, "");
  check_list(&other, "bfeg");
  LIST_SWAP(&head, &other, letter, l);
  check_list(&head, "bfeg");
  LIST_REMOVE(of('b'), l);
  check_list(&head, "feg");
}

static void check_tailq(struct tailq* head, const char* word) {
  struct letter *v, *next, *before = NULL;
  char backwards[16] = "";
  size_t i, length = strlen(word);
  for (i = 0; i < length; i++)
    backwards[i] = word[length - 1 - i];
  VISITED(word, v, TAILQ_FOREACH(v, head, t));
  VISITED(word, v, TAILQ_FOREACH_SAFE(v, head, t, next));
  VISITED(backwards, v, TAILQ_FOREACH_REVERSE(v, head, tailq, t));
  VISITED(backwards, v, TAILQ_FOREACH_REVERSE_SAFE(v, head, tailq, t, next));
  v = NULL;
  VISITED(word, v, TAILQ_FOREACH_FROM(v, head, t));
  v = TAILQ_FIRST(head);
  VISITED(word, v, TAILQ_FOREACH_FROM_SAFE(v, head, t, next));
  v = NULL;
  VISITED(backwards, v, TAILQ_FOREACH_REVERSE_FROM(v, head, tailq, t));
  v = TAILQ_LAST(head, tailq);
  VISITED(backwards, v, TAILQ_FOREACH_REVERSE_FROM_SAFE(v, head, tailq, t, next));
  TAILQ_FOREACH(v, head, t) {
    CHECK(TAILQ_PREV(v, tailq, t) == before);
    CHECK(TAILQ_PREV_FAST(v, head, letter, t) == before);
    before = v;
  }
  CHECK(TAILQ_LAST(head, tailq) == before && TAILQ_LAST_FAST(head, letter, t) == before);
  CHECK(TAILQ_EMPTY(head) == (length == 0));
}

static void tail_queues_do_as_they_say(void) {
  struct tailq head = TAILQ_HEAD_INITIALIZER(head), other;
  struct letter *v, *next;
  fresh_letters();
  TAILQ_INIT(&other);
  check_tailq(&head, "");
  TAILQ_INSERT_HEAD(&head, of('c'), t);
  TAILQ_INSERT_HEAD(&head, of('a'), t);
  TAILQ_INSERT_TAIL(&head, of('e'), t);
  check_tailq(&head, "ace");
  TAILQ_INSERT_BEFORE(of('c'), of('b'), t);
  TAILQ_INSERT_AFTER(&head, of('c'), of('d'), t);
  TAILQ_INSERT_AFTER(&head, of('e'), of('f'), t);
  check_tailq(&head, "abcdef");
  TAILQ_REMOVE(&head, of('f'), t);
  TAILQ_REMOVE(&head, of('a'), t);
  TAILQ_REPLACE(&head, of('e'), of('g'), t);
  TAILQ_REPLACE(&head, of('c'), of('h'), t);
  check_tailq(&head, "bhdg");
  TAILQ_CONCAT(&head, &other, t);
  TAILQ_INSERT_TAIL(&other, of('a'), t);
  TAILQ_CONCAT(&head, &other, t);
  check_tailq(&head, "bhdga");
  check_tailq(&other, "");
  TAILQ_SWAP(&head, &other, letter, t);
  check_tailq(&head, "");
  check_tailq(&other, "bhdga");
  TAILQ_SWAP(&head, &other, letter, t);
  TAILQ_INSERT_TAIL(&other, of('e'), t); /* where its tail should be */
  check_tailq(&other, "e");
  TAILQ_REMOVE(&other, of('e'), t);
  TAILQ_SWAP(&head, &other, letter, t);
  TAILQ_INSERT_TAIL(&head, of('c'), t);
  TAILQ_SWAP(&head, &other, letter, t);
  check_tailq(&head, "bhdga");
  check_tailq(&other, "c");
  TAILQ_FOREACH_SAFE(v, &head, t, next) {
    TAILQ_REMOVE(&head, v, t);
    memset(&v->t, 0x55, sizeof v->t);
  }
  check_tailq(&head, "");
}

int main(void) {
  TEST(singly_linked_lists_do_as_they_say);
  TEST(singly_linked_tail_queues_do_as_they_say);
  TEST(lists_do_as_they_say);
  TEST(tail_queues_do_as_they_say);
  return TESTS_END();
}
