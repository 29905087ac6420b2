/// What the users of hook lists need besides: mutexes, condition variables, memory, assertions. The
/// includes are a driver's. Compiled as C and as C++.
#include <sys/cdefs.h>
__KERNEL_RCSID(0, "$NetBSD$");

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/condvar.h>
#include <sys/hook.h>
#include <sys/kernel.h>
#include <sys/kmem.h>
#include <sys/mutex.h>
#include <sys/param.h>
#include <sys/queue.h>
#include <sys/systm.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "freebsd_check.h"

/* Run `body` in a child: what it writes to standard error before it aborts; "" if it does not. */
static char words[512];
static const char* last_words(void (*body)(void)) {
  int ends[2], status = 0;
  size_t length = 0;
  ssize_t n;
  pid_t child;
  if (pipe(ends) != 0)
    return "no pipe";
  child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    body();
    _exit(0);
  }
  close(ends[1]);
  while ((n = read(ends[0], words + length, sizeof words - 1 - length)) > 0)
    length += (size_t)n;
  words[length] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? words : "";
}
static int ends_with(void (*body)(void), const char* expected) {
  return strstr(last_words(body), expected) != NULL;
}

/* ---- mutexes ---- */

static kmutex_t lock;
static kcondvar_t cv;

static void enter_twice(void) {
  mutex_enter(&lock);
  mutex_enter(&lock);
}
static void exit_unowned(void) {
  mutex_exit(&lock);
}
static void destroy_held(void) {
  mutex_enter(&lock);
  mutex_destroy(&lock);
}
static void a_mutex_knows_its_owner_and_panics_when_misused(void) {
  CHECK(!mutex_owned(&lock));
  CHECK(mutex_tryenter(&lock));
  CHECK(mutex_owned(&lock));
  CHECK(!mutex_tryenter(&lock));
  mutex_exit(&lock);
  mutex_spin_enter(&lock);
  CHECK(mutex_owned(&lock));
  mutex_spin_exit(&lock);
  CHECK(ends_with(enter_twice, "mutex_enter: locking against myself"));
  CHECK(ends_with(exit_unowned, "mutex_exit: not the owner"));
  CHECK(ends_with(destroy_held, "mutex_destroy: the mutex is held"));
}

static int looking;
static void* look_at_mutex(void* unused) {
  while (__atomic_load_n(&looking, __ATOMIC_RELAXED))
    CHECK(!mutex_owned(&lock));
  return unused;
}
static void looking_at_a_mutexs_owner_does_not_take_it(void) {
  pthread_t other;
  int refused = 0;
  looking = 1;
  pthread_create(&other, NULL, look_at_mutex, NULL);
  for (int i = 0; i < 100000; i++) {
    if (mutex_tryenter(&lock))
      mutex_exit(&lock);
    else
      refused++;
  }
  __atomic_store_n(&looking, 0, __ATOMIC_RELAXED);
  pthread_join(other, NULL);
  CHECK(refused == 0);
}

/* ---- condition variables ---- */

static int turn;
static void* wait_for_turn(void* mine) {
  mutex_enter(&lock);
  while (turn != *(int*)mine)
    cv_wait(&cv, &lock);
  turn++;
  cv_broadcast(&cv);
  mutex_exit(&lock);
  return mine;
}
static void threads_wait_for_their_turn(void) {
  pthread_t threads[3];
  int mine[3] = {3, 2, 1};
  turn = 0;
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, wait_for_turn, &mine[i]);
  mutex_enter(&lock);
  turn = 1;
  cv_broadcast(&cv);
  while (turn != 4)
    cv_wait(&cv, &lock);
  mutex_exit(&lock);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK(turn == 4);
}

static void a_timed_wait_ends_with_the_mutex_held(void) {
  const int before = getticks();
  mutex_enter(&lock);
  CHECK(cv_timedwait(&cv, &lock, mstohz(30)) == EWOULDBLOCK);
  CHECK(mutex_owned(&lock));
  CHECK(cv_timedwait_sig(&cv, &lock, 1) == EWOULDBLOCK);
  CHECK(cv_timedwait(&cv, &lock, -1) == EWOULDBLOCK);
  CHECK(mutex_owned(&lock));
  mutex_exit(&lock);
  CHECK(getticks() - before >= 3);
}

static void find_waiter(void* found, const struct khelp_sleeper* sleeper) {
  if (sleeper->chan == &cv && strcmp(sleeper->wmesg, "test") == 0)
    *(int*)found = 1;
}
static void handle(int number) {
  (void)number;
}
static void* wait_for_signal(void* answer) {
  mutex_enter(&lock);
  *(int*)answer = cv_wait_sig(&cv, &lock);
  mutex_exit(&lock);
  return NULL;
}
static int wait_ended_by_signal(int flags) {
  struct sigaction action;
  pthread_t thread;
  int waits = 0, answer = 0;
  memset(&action, 0, sizeof action);
  action.sa_handler = handle;
  action.sa_flags = flags;
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&thread, NULL, wait_for_signal, &answer);
  while (!waits) {
    sched_yield();
    khelp_sleep_list(find_waiter, &waits);
  }
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  return answer;
}
static void a_signal_ends_a_wait_that_asks_for_it(void) {
  CHECK(wait_ended_by_signal(0) == EINTR);
  CHECK(wait_ended_by_signal(SA_RESTART) == ERESTART);
}

static void wait_unowned(void) {
  cv_wait(&cv, &lock);
}
static void timed_wait_unowned(void) {
  cv_timedwait(&cv, &lock, 1);
}
static void a_wait_without_the_mutex_panics(void) {
  CHECK(ends_with(wait_unowned, "cv_wait: test: the mutex is not held"));
  CHECK(ends_with(timed_wait_unowned, "cv_wait: test: the mutex is not held"));
}

/* ---- ticks ---- */

static void milliseconds_are_ticks_and_a_short_time_is_not_none(void) {
  CHECK(tick * hz == 1000000);
  CHECK(mstohz(1000) == (unsigned)hz);
  CHECK(mstohz(1) == 1 && mstohz(0) == 0);
  CHECK(hztoms(hz) == 1000);
  CHECK(mstohz(30 * 24 * 3600 * 1000u) == 30u * 24 * 3600 * 100);
}

/* ---- memory ---- */

static void free_with_another_size(void) {
  kmem_free(kmem_alloc(10, KM_SLEEP), 11);
}
static void free_nothing(void) {
  kmem_free(NULL, 1);
}
static void alloc_nothing(void) {
  kmem_alloc(0, KM_SLEEP);
}
static void memory_is_freed_with_its_size(void) {
  struct khelp_malloc_stat before, during, after;
  char* zeroed;
  void* block;
  khelp_malloc_type_stat(khelp_malloc_numbered(80), &before);
  block = kmem_alloc(100, KM_SLEEP);
  zeroed = (char*)kmem_zalloc(50, KM_NOSLEEP);
  CHECK(block != NULL && zeroed != NULL && zeroed[0] == 0 && zeroed[49] == 0);
  khelp_malloc_type_stat(khelp_malloc_numbered(80), &during);
  CHECK(during.bytes == before.bytes + 150);
  kmem_free(block, 100);
  kmem_free(zeroed, 50);
  khelp_malloc_type_stat(khelp_malloc_numbered(80), &after);
  CHECK(after.bytes == before.bytes);
  CHECK(kmem_alloc(SIZE_MAX, KM_NOSLEEP) == NULL);
  CHECK(ends_with(free_with_another_size, "has 10 bytes, not 11"));
  CHECK(ends_with(free_nothing, "kmem_free"));
  CHECK(ends_with(alloc_nothing, "assertion \"size != 0\" failed"));
}

/* ---- assertions ---- */

static void assert_false(void) {
  KASSERT(1 + 1 == 3);
}
static void assert_false_in_words(void) {
  KASSERTMSG(lock.mtx_lock.khm_word == 7, "the word is %u, not %d", lock.mtx_lock.khm_word, 7);
}
static void assert_false_in_plain_words(void) {
  KASSERTMSG(turn == -1, "no turn");
}
static void an_assertion_that_fails_says_what_and_where(void) {
  KASSERTMSG(turn != -1, "%d", turn);
  KDASSERTMSG(turn == -1, "not looked at without DEBUG: %d", turn);
  CHECK(ends_with(assert_false, "kernel diagnostic assertion \"1 + 1 == 3\" failed: file \""));
  CHECK(ends_with(assert_false_in_words, "the word is 0, not 7"));
  CHECK(ends_with(assert_false_in_plain_words, " no turn"));
}

/* ---- lists and queues ---- */

struct item {
  int number;
  SLIST_ENTRY(item) slist;
  LIST_ENTRY(item) list;
  SIMPLEQ_ENTRY(item) simpleq;
  TAILQ_ENTRY(item) tailq;
};
SLIST_HEAD(slist, item);
LIST_HEAD(list, item);
SIMPLEQ_HEAD(simpleq, item);
TAILQ_HEAD(tailq, item);

/* The numbers in order, as digits of one number. */
#define DIGITS(kind, head, field, digits)                               \
  do {                                                                  \
    struct item* at;                                                    \
    (digits) = 0;                                                       \
    kind##_FOREACH(at, head, field)(digits) = (digits)*10 + at->number; \
  } while (0)

static void elements_are_removed_while_they_are_walked(void) {
  struct item items[4], *at, *following;
  struct slist slist = SLIST_HEAD_INITIALIZER(slist);
  struct list list = LIST_HEAD_INITIALIZER(list);
  struct simpleq simpleq = SIMPLEQ_HEAD_INITIALIZER(simpleq);
  struct tailq tailq = TAILQ_HEAD_INITIALIZER(tailq);
  int digits;
  for (int i = 3; i >= 0; i--) {
    items[i].number = i + 1;
    SLIST_INSERT_HEAD(&slist, &items[i], slist);
    LIST_INSERT_HEAD(&list, &items[i], list);
    SIMPLEQ_INSERT_HEAD(&simpleq, &items[i], simpleq);
    TAILQ_INSERT_HEAD(&tailq, &items[i], tailq);
  }
  SLIST_FOREACH_SAFE(at, &slist, slist, following) {
    if (at->number % 2 == 0)
      SLIST_REMOVE(&slist, at, item, slist);
  }
  DIGITS(SLIST, &slist, slist, digits);
  CHECK(digits == 13);
  LIST_FOREACH_SAFE(at, &list, list, following) {
    if (at->number % 2 == 0)
      LIST_REMOVE(at, list);
  }
  DIGITS(LIST, &list, list, digits);
  CHECK(digits == 13);
  SIMPLEQ_FOREACH_SAFE(at, &simpleq, simpleq, following) {
    if (at->number % 2 == 0)
      SIMPLEQ_REMOVE(&simpleq, at, item, simpleq);
  }
  DIGITS(SIMPLEQ, &simpleq, simpleq, digits);
  CHECK(digits == 13);
  TAILQ_FOREACH_REVERSE_SAFE(at, &tailq, tailq, tailq, following) {
    if (at->number % 2 == 0)
      TAILQ_REMOVE(&tailq, at, tailq);
  }
  TAILQ_FOREACH_SAFE(at, &tailq, tailq, following) {
    if (at->number == 1)
      TAILQ_REMOVE(&tailq, at, tailq);
  }
  DIGITS(TAILQ, &tailq, tailq, digits);
  CHECK(digits == 3);
}

static void lists_are_moved_joined_and_mended(void) {
  struct item items[5];
  struct list list = LIST_HEAD_INITIALIZER(list), moved = LIST_HEAD_INITIALIZER(moved);
  struct simpleq simpleq = SIMPLEQ_HEAD_INITIALIZER(simpleq), rest;
  struct tailq tailq = TAILQ_HEAD_INITIALIZER(tailq);
  struct slist slist = SLIST_HEAD_INITIALIZER(slist);
  int digits;
  for (int i = 0; i < 5; i++)
    items[i].number = i + 1;

  LIST_INSERT_HEAD(&list, &items[1], list);
  LIST_INSERT_HEAD(&list, &items[0], list);
  LIST_MOVE(&list, &moved, list);
  CHECK(LIST_EMPTY(&list));
  LIST_REPLACE(&items[1], &items[2], list);
  LIST_REPLACE(&items[0], &items[3], list);
  DIGITS(LIST, &moved, list, digits);
  CHECK(digits == 43);

  SIMPLEQ_INIT(&rest);
  CHECK(SIMPLEQ_LAST(&rest, item, simpleq) == NULL);
  SIMPLEQ_INSERT_TAIL(&simpleq, &items[0], simpleq);
  SIMPLEQ_CONCAT(&simpleq, &rest);
  SIMPLEQ_INSERT_TAIL(&rest, &items[1], simpleq);
  SIMPLEQ_INSERT_TAIL(&rest, &items[2], simpleq);
  SIMPLEQ_CONCAT(&simpleq, &rest);
  CHECK(SIMPLEQ_EMPTY(&rest));
  SIMPLEQ_REMOVE_AFTER(&simpleq, &items[1], simpleq);
  CHECK(SIMPLEQ_LAST(&simpleq, item, simpleq) == &items[1]);
  SIMPLEQ_INSERT_TAIL(&simpleq, &items[4], simpleq);
  DIGITS(SIMPLEQ, &simpleq, simpleq, digits);
  CHECK(digits == 125);

  TAILQ_INSERT_TAIL(&tailq, &items[0], tailq);
  TAILQ_INSERT_TAIL(&tailq, &items[1], tailq);
  TAILQ_REPLACE(&tailq, &items[1], &items[2], tailq);
  TAILQ_REPLACE(&tailq, &items[0], &items[3], tailq);
  TAILQ_INSERT_TAIL(&tailq, &items[4], tailq);
  DIGITS(TAILQ, &tailq, tailq, digits);
  CHECK(digits == 435);

  SLIST_INSERT_HEAD(&slist, &items[1], slist);
  SLIST_INSERT_HEAD(&slist, &items[0], slist);
  SLIST_REMOVE_AFTER(&items[0], slist);
  DIGITS(SLIST, &slist, slist, digits);
  CHECK(digits == 1);
}

int main(void) {
  mutex_init(&lock, MUTEX_DEFAULT, IPL_NONE);
  cv_init(&cv, "test");
  TEST(a_mutex_knows_its_owner_and_panics_when_misused);
  TEST(looking_at_a_mutexs_owner_does_not_take_it);
  TEST(threads_wait_for_their_turn);
  TEST(a_timed_wait_ends_with_the_mutex_held);
  TEST(a_signal_ends_a_wait_that_asks_for_it);
  TEST(a_wait_without_the_mutex_panics);
  TEST(milliseconds_are_ticks_and_a_short_time_is_not_none);
  TEST(memory_is_freed_with_its_size);
  TEST(an_assertion_that_fails_says_what_and_where);
  TEST(elements_are_removed_while_they_are_walked);
  TEST(lists_are_moved_joined_and_mended);
  cv_destroy(&cv);
  mutex_destroy(&lock);
  return TESTS_END();
}
