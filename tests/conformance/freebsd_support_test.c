/// What kern_khelp.c and modules take for granted besides hooks and zones: locks, reference counts,
/// strings, printf, random numbers, sysctl handlers; and what loading a congestion control module says.
/// The includes are kern_khelp.c's.
// clang-format off
#include <sys/cdefs.h>
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/hhook.h>
#include <sys/khelp.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/module_khelp.h>
#include <sys/osd.h>
#include <sys/queue.h>
#include <sys/refcount.h>
#include <sys/rwlock.h>
#include <sys/systm.h>
// clang-format on

#include <pthread.h>
#include <sched.h>
#include <sys/prng.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <khelp/error.h>
#include <khelp/loader.h>

#include "freebsd_check.h"

/* What `body` writes to standard error; it may end the process by a panic. */
static char words[512];
static const char* written_by(void (*body)(void)) {
  int ends[2], status;
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
  return words;
}
static int says(void (*body)(void), const char* expected) {
  return strstr(written_by(body), expected) != NULL;
}

/* ---- lists of helpers, as khelp keeps them: kern_khelp.c's own names ---- */

static struct rwlock list_lock;
RW_SYSINIT(listlock, &list_lock, "helper list lock");
static TAILQ_HEAD(helper_head, helper) helpers = TAILQ_HEAD_INITIALIZER(helpers);

static void a_list_of_helpers_is_kept_with_the_kernels_names(void) {
  struct helper one = {.h_flags = HELPER_NEEDS_OSD}, *found;
  rw_wlock(&list_lock);
  refcount_init(&one.h_refcount, 0);
  strlcpy(one.h_name, "one", HELPER_NAME_MAXLEN);
  TAILQ_INSERT_TAIL(&helpers, &one, h_next);
  rw_wunlock(&list_lock);
  rw_rlock(&list_lock);
  rw_assert(&list_lock, RA_LOCKED);
  TAILQ_FOREACH(found, &helpers, h_next) {
    refcount_acquire(&found->h_refcount);
    CHECK(strncmp(found->h_name, "one", HELPER_NAME_MAXLEN) == 0);
  }
  rw_runlock(&list_lock);
  CHECK(one.h_refcount == 1);
  CHECK(refcount_release(&one.h_refcount));
  TAILQ_REMOVE(&helpers, &one, h_next);
}

/* ---- refcount(9) ---- */

static void references_are_counted_and_the_last_is_told(void) {
  volatile unsigned count;
  refcount_init(&count, 1);
  CHECK(refcount_acquire(&count) == 1 && refcount_acquiren(&count, 2) == 2);
  CHECK(refcount_load(&count) == 4);
  CHECK(refcount_acquire_checked(&count) && refcount_acquire_if_not_zero(&count));
  CHECK(!refcount_release_if_last(&count) && refcount_release_if_not_last(&count));
  CHECK(!refcount_releasen(&count, 4));
  CHECK(!refcount_release_if_not_last(&count) && refcount_release_if_last(&count));
  CHECK(refcount_load(&count) == 0 && !refcount_acquire_if_not_zero(&count));
}

/* ---- rwlock(9) ---- */

static unsigned sum;
static void* add_under_the_lock(void* unused) {
  for (int i = 0; i < 2000; i++) {
    rw_wlock(&list_lock);
    sum++;
    rw_assert(&list_lock, RA_WLOCKED);
    rw_unlock(&list_lock);
    rw_rlock(&list_lock);
    rw_unlock(&list_lock);
  }
  return unused;
}
static void a_lock_has_one_writer_or_any_number_of_readers(void) {
  pthread_t threads[3];
  CHECK(rw_try_rlock(&list_lock) && rw_try_rlock(&list_lock));
  CHECK(!rw_try_wlock(&list_lock) && !rw_wowned(&list_lock));
  rw_runlock(&list_lock);
  rw_runlock(&list_lock);
  CHECK(rw_try_wlock(&list_lock) && rw_wowned(&list_lock));
  rw_downgrade(&list_lock);
  CHECK(!rw_wowned(&list_lock) && rw_try_rlock(&list_lock));
  rw_runlock(&list_lock);
  rw_runlock(&list_lock);
  for (int i = 0; i < 3; i++)
    pthread_create(&threads[i], NULL, add_under_the_lock, NULL);
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  CHECK(sum == 6000);
}

static void lock_twice(void) {
  rw_wlock(&list_lock);
  rw_wlock(&list_lock);
}
static void read_while_writing(void) {
  rw_wlock(&list_lock);
  rw_rlock(&list_lock);
}
static void unlock_unowned(void) {
  rw_unlock(&list_lock);
}
static void destroy_held(void) {
  rw_rlock(&list_lock);
  rw_destroy(&list_lock);
}
static void mistakes_with_a_lock_are_panics(void) {
  CHECK(says(lock_twice, "rw_wlock: helper list lock: this thread holds it"));
  CHECK(says(read_while_writing, "rw_rlock: helper list lock: this thread holds it for writing"));
  CHECK(says(unlock_unowned, "rw_runlock: helper list lock: nobody reads"));
  CHECK(says(destroy_held, "rw_destroy: helper list lock is held"));
}

/* ---- sys/systm.h ---- */

static void strings_are_copied_as_far_as_there_is_room(void) {
  char text[6] = "x";
  CHECK(strlcpy(text, "abc", sizeof text) == 3 && strcmp(text, "abc") == 0);
  CHECK(strlcat(text, "defg", sizeof text) == 7 && strcmp(text, "abcde") == 0);
  CHECK(strlcpy(text, "0123456789", sizeof text) == 10 && strcmp(text, "01234") == 0);
  CHECK(strlcpy(text, "none", 0) == 4 && strcmp(text, "01234") == 0);
}

static void say_twice(void) {
  int (*say)(const char* format, ...) = printf;
  int (*again)(const char* format, ...) = &printf;
  say("%d", 4);
  again("%s\n", "2");
  printf("plain\n");
}
static void printf_is_a_function_that_writes_to_standard_error(void) {
  CHECK(strcmp(written_by(say_twice), "42\nplain\n") == 0);
}

static void the_small_functions_compare(void) {
  CHECK(imax(-1, 2) == 2 && imin(-1, 2) == -1 && max(1, 2) == 2 && min(1, 2) == 1);
  CHECK(lmax(-1, 2) == 2 && lmin(-1, 2) == -1 && ulmax(1, 2) == 2 && ulmin(1, 2) == 1);
}

static void random_numbers_differ_and_keep_their_bound(void) {
  uint64_t seen = 0;
  for (int i = 0; i < 1000; i++) {
    const uint32_t number = prng32_bounded(10);
    CHECK(number < 10);
    seen |= 1u << number;
  }
  CHECK(seen == 0x3ff);
  CHECK(prng64() != prng64());
  CHECK(prng64_bounded(1) == 0 && (prng32() | 1) != 0);
}

/* ---- sysctl(9) ---- */

static unsigned limit = 7;
static int limit_handler(SYSCTL_HANDLER_ARGS) {
  unsigned new = *(unsigned*)arg1;
  int error = sysctl_handle_int(oidp, &new, 0, req);
  if (error == 0 && req->newptr != NULL) {
    if (new > (unsigned)arg2)
      error = EINVAL;
    else
      *(unsigned*)arg1 = new;
  }
  return (error);
}
SYSCTL_DECL(_kern_test);
SYSCTL_NODE(_kern, OID_AUTO, test, CTLFLAG_RW, NULL, "of a test");
SYSCTL_PROC(_kern_test, OID_AUTO, limit, CTLTYPE_UINT | CTLFLAG_RW, &limit, 10, limit_handler, "IU",
            "at most 10");

static void a_handler_reads_and_sets_what_it_is_asked_for(void) {
  unsigned was = 0, wanted = 9, much = 11;
  struct sysctl_req req = {.oldptr = &was, .oldlen = sizeof was};
  CHECK(limit_handler(NULL, &limit, 10, &req) == 0 && was == 7);
  req = (struct sysctl_req){.newptr = &wanted, .newlen = sizeof wanted};
  CHECK(limit_handler(NULL, &limit, 10, &req) == 0 && limit == 9);
  req = (struct sysctl_req){.newptr = &much, .newlen = sizeof much};
  CHECK(limit_handler(NULL, &limit, 10, &req) == EINVAL && limit == 9);
  req = (struct sysctl_req){.newptr = &much, .newlen = 1};
  CHECK(sysctl_handle_int(NULL, &limit, 0, &req) == EINVAL);
  req = (struct sysctl_req){.oldptr = &was, .oldlen = 1};
  CHECK(sysctl_handle_int(NULL, &limit, 0, &req) == ENOMEM);
  req = (struct sysctl_req){.newptr = &much, .newlen = sizeof much};
  CHECK(sysctl_handle_int(NULL, NULL, 5, &req) == EPERM);
}

static void start(void) {
  mi_startup();
}
static void a_variable_that_nobody_can_set_is_told_at_the_start(void) {
  CHECK(
      says(start, "sysctl kern.test.limit keeps its first value: there is no sysctl tree here\n"));
}

/* ---- congestion control: freebsd_cc_module.c, as three releases spell it ---- */

static void load_it(const char* name) {
  struct khelp_load_options options = {.size = sizeof options, .module_path = HELPER_FOLDER};
  const int error = khelp_load(name, &options, NULL);
  fprintf(stderr, "; %d %s; ertt is %s\n", error, khelp_failure_text(),
          khelp_get_id("ertt") > 0 ? "there" : "gone");
}
static void load_release_13(void) {
  load_it(CC_FOLDER "/cc_13.so");
}
static void load_release_14(void) {
  load_it(CC_FOLDER "/cc_14.so");
}
static void load_release_15(void) {
  load_it(CC_FOLDER "/cc_15.so");
}
static void a_congestion_control_module_is_refused_in_words(void) {
  void (*const loads[])(void) = {load_release_13, load_release_14, load_release_15};
  for (int i = 0; i < 3; i++) {
    written_by(loads[i]);
    CHECK(strstr(words,
                 "congestion control module \"mine\": not loaded, nothing here would run it") !=
          NULL);
    CHECK(strstr(words, "; 95 ") != NULL && strstr(words, "; ertt is gone") != NULL);
    if (i == 0)
      fprintf(stderr, "%s", words);
  }
}

/* ---- objects ---- */

static void no_object_is_refused(void) {
  CHECK(khelp_init_osd(HELPER_CLASS_TCP, NULL) == EINVAL);
  CHECK(strcmp(khelp_failure_text(), "no object was given") == 0);
  CHECK(khelp_destroy_osd(NULL) == EINVAL);
}

int main(void) {
  rw_init(&list_lock, "helper list lock");
  TEST(a_list_of_helpers_is_kept_with_the_kernels_names);
  TEST(references_are_counted_and_the_last_is_told);
  TEST(a_lock_has_one_writer_or_any_number_of_readers);
  TEST(mistakes_with_a_lock_are_panics);
  TEST(strings_are_copied_as_far_as_there_is_room);
  TEST(printf_is_a_function_that_writes_to_standard_error);
  TEST(the_small_functions_compare);
  TEST(random_numbers_differ_and_keep_their_bound);
  TEST(a_handler_reads_and_sets_what_it_is_asked_for);
  TEST(a_variable_that_nobody_can_set_is_told_at_the_start);
  TEST(a_congestion_control_module_is_refused_in_words);
  TEST(no_object_is_refused);
  return TESTS_END();
}
