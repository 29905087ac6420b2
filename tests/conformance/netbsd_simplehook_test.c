/// simplehook(9), as NetBSD's drivers use it. Compiled as C and as C++.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/condvar.h>
#include <sys/hook.h>

#include "freebsd_check.h"

static char said[64];
static char letters[] = "a\0b\0c";

static void say(void* word) {
  strncat(said, (const char*)word, sizeof said - strlen(said) - 1);
}
static int was_said(const char* words) {
  const int same = strcmp(said, words) == 0;
  said[0] = '\0';
  return same;
}

/* A hook that stays inside until it is let go, as the kernel's own test of simplehook has one. */
struct softc {
  kmutex_t lock;
  kcondvar_t cv;
  khook_list_t* hooks;
  khook_t* hook;
  bool inside;
  bool stopping;
  bool left;
  int disestablish_inside;
};
static void softc_init(struct softc* sc, void (*fn)(void*)) {
  memset(sc, 0, sizeof *sc);
  mutex_init(&sc->lock, MUTEX_DEFAULT, IPL_NONE);
  cv_init(&sc->cv, "softc");
  sc->hooks = simplehook_create(IPL_NONE, "softc");
  sc->hook = simplehook_establish(sc->hooks, fn, sc);
}
static void softc_fini(struct softc* sc) {
  simplehook_destroy(sc->hooks);
  cv_destroy(&sc->cv);
  mutex_destroy(&sc->lock);
}
static void stay_inside(void* arg) {
  struct softc* sc = (struct softc*)arg;
  mutex_enter(&sc->lock);
  sc->inside = true;
  cv_broadcast(&sc->cv);
  while (sc->stopping)
    cv_wait(&sc->cv, &sc->lock);
  sc->left = true;
  mutex_exit(&sc->lock);
}
static void* run_hooks(void* arg) {
  if (simplehook_dohooks(((struct softc*)arg)->hooks) != 0)
    CHECK(!"the run was refused");
  return NULL;
}
/* A thread is in the hook when this returns; the lock is held. */
static pthread_t start_and_enter(struct softc* sc) {
  pthread_t thread;
  sc->stopping = true;
  pthread_create(&thread, NULL, run_hooks, sc);
  mutex_enter(&sc->lock);
  while (!sc->inside)
    cv_wait(&sc->cv, &sc->lock);
  return thread;
}
static void let_go(struct softc* sc) {
  sc->stopping = false;
  cv_broadcast(&sc->cv);
}

static void conformance_44_dohooks_calls_the_newest_first(void) {
  khook_list_t* list = simplehook_create(IPL_NONE, "letters");
  CHECK(!simplehook_has_hooks(list));
  for (int i = 0; i < 3; i++)
    simplehook_establish(list, say, &letters[2 * i]);
  CHECK(simplehook_has_hooks(list));
  CHECK(simplehook_dohooks(list) == 0);
  CHECK(simplehook_dohooks(list) == 0);
  CHECK(was_said("cbacba"));
  simplehook_destroy(list);
}

static void conformance_44_a_second_run_at_once_is_refused(void) { /* N-6 */
  struct softc sc;
  pthread_t thread;
  softc_init(&sc, stay_inside);
  thread = start_and_enter(&sc);
  CHECK(simplehook_dohooks(sc.hooks) == EBUSY);
  let_go(&sc);
  mutex_exit(&sc.lock);
  pthread_join(thread, NULL);
  CHECK(simplehook_dohooks(sc.hooks) == 0);
  softc_fini(&sc);
}

static void conformance_44_disestablish_waits_while_another_thread_is_in_the_hook(void) {
  struct softc sc;
  pthread_t thread;
  softc_init(&sc, stay_inside);
  thread = start_and_enter(&sc);
  let_go(&sc);
  /* The hook needs the lock to leave: this one lets it go while it waits. */
  simplehook_disestablish(sc.hooks, sc.hook, &sc.lock);
  CHECK(mutex_owned(&sc.lock));
  CHECK(sc.left);
  mutex_exit(&sc.lock);
  pthread_join(thread, NULL);
  CHECK(simplehook_dohooks(sc.hooks) == 0);
  softc_fini(&sc);
}

static void* let_go_when_removed(void* arg) {
  struct softc* sc = (struct softc*)arg;
  while (simplehook_has_hooks(sc->hooks))
    sched_yield();
  for (int i = 0; i < 1000; i++)
    sched_yield();
  mutex_enter(&sc->lock);
  let_go(sc);
  mutex_exit(&sc->lock);
  return NULL;
}
static void conformance_44_disestablish_without_a_lock_waits_too(void) {
  struct softc sc;
  pthread_t thread, other;
  softc_init(&sc, stay_inside);
  thread = start_and_enter(&sc);
  mutex_exit(&sc.lock);
  pthread_create(&other, NULL, let_go_when_removed, &sc);
  simplehook_disestablish(sc.hooks, sc.hook, NULL);
  CHECK(sc.left);
  pthread_join(other, NULL);
  pthread_join(thread, NULL);
  softc_fini(&sc);
}

static void remove_myself(void* arg) {
  struct softc* sc = (struct softc*)arg;
  mutex_enter(&sc->lock);
  simplehook_disestablish(sc->hooks, sc->hook, &sc->lock);
  sc->disestablish_inside = mutex_owned(&sc->lock) ? 1 : -1;
  mutex_exit(&sc->lock);
}
static void conformance_44_disestablish_from_inside_the_hook_returns_at_once(void) {
  struct softc sc;
  softc_init(&sc, remove_myself);
  CHECK(simplehook_dohooks(sc.hooks) == 0);
  CHECK(sc.disestablish_inside == 1);
  CHECK(!simplehook_has_hooks(sc.hooks));
  softc_fini(&sc);
}

static void has_hooks_does_not_count_removed_ones_during_a_run(void) { /* N-7 */
  struct softc sc;
  pthread_t thread;
  softc_init(&sc, stay_inside);
  khook_t* other = simplehook_establish(sc.hooks, say, letters);
  thread = start_and_enter(&sc);
  said[0] = '\0';
  simplehook_disestablish(sc.hooks, other, &sc.lock); /* idle: does not wait for the one inside */
  CHECK(simplehook_has_hooks(sc.hooks));
  CHECK(!sc.left);
  let_go(&sc);
  simplehook_disestablish(sc.hooks, sc.hook, &sc.lock);
  CHECK(!simplehook_has_hooks(sc.hooks));
  mutex_exit(&sc.lock);
  pthread_join(thread, NULL);
  softc_fini(&sc);
}

static khook_list_t* growing;
static void establish_another(void* word) {
  say(word);
  simplehook_establish(growing, say, &letters[2]);
}
static void a_hook_established_during_a_run_is_called_by_the_next(void) {
  growing = simplehook_create(IPL_NONE, "growing");
  simplehook_establish(growing, establish_another, letters);
  CHECK(simplehook_dohooks(growing) == 0);
  CHECK(was_said("a"));
  CHECK(simplehook_dohooks(growing) == 0);
  CHECK(was_said("ba"));
  simplehook_destroy(growing);
}

static struct {
  khook_list_t* list;
  khook_t* older;
} skipping;
static void remove_older(void* word) {
  say(word);
  simplehook_disestablish(skipping.list, skipping.older, NULL);
}
static void a_hook_removed_during_a_run_is_skipped(void) {
  skipping.list = simplehook_create(IPL_NONE, "skipping");
  skipping.older = simplehook_establish(skipping.list, say, letters);
  simplehook_establish(skipping.list, remove_older, &letters[2]);
  CHECK(simplehook_dohooks(skipping.list) == 0);
  CHECK(was_said("b"));
  simplehook_destroy(skipping.list);
}

static void destroy_takes_the_hooks_with_it(void) {
  khook_list_t* list = simplehook_create(IPL_NONE, "gone");
  CHECK(simplehook_establish(list, say, letters) != NULL);
  simplehook_destroy(list);
  CHECK(simplehook_establish(list, say, letters) == NULL);
  CHECK(was_said(""));
}

static void no_list_is_run_as_no_list(void) {
  CHECK(simplehook_dohooks(NULL) == ENOENT);
}

int main(void) {
  TEST(conformance_44_dohooks_calls_the_newest_first);
  TEST(conformance_44_a_second_run_at_once_is_refused);
  TEST(conformance_44_disestablish_waits_while_another_thread_is_in_the_hook);
  TEST(conformance_44_disestablish_without_a_lock_waits_too);
  TEST(conformance_44_disestablish_from_inside_the_hook_returns_at_once);
  TEST(has_hooks_does_not_count_removed_ones_during_a_run);
  TEST(a_hook_established_during_a_run_is_called_by_the_next);
  TEST(a_hook_removed_during_a_run_is_skipped);
  TEST(destroy_takes_the_hooks_with_it);
  TEST(no_list_is_run_as_no_list);
  return TESTS_END();
}
