/// msleep, wakeup and lck_mtx_t, as kernel extensions use them.
#include <kern/locks.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/systm.h>
#include <sys/wait.h>

#include "freebsd_check.h"

static lck_grp_t* group;
static lck_mtx_t* lock;
static char channel;

static void count(void* arg, const struct khelp_sleeper* sleeper) {
  if (sleeper->chan == &channel)
    ++*(int*)arg;
}
static void await_sleepers(int wanted) {
  int found;
  do {
    sched_yield();
    found = 0;
    khelp_sleep_list(count, &found);
  } while (found != wanted);
}

struct sleep {
  pthread_t thread;
  int pri;
  struct timespec* limit;
  int answer, held;
};
static void* sleep_once(void* arg) {
  struct sleep* mine = arg;
  lck_mtx_lock(lock);
  mine->answer = msleep(&channel, lock, mine->pri, "test", mine->limit);
  mine->held = khelp_mutex_held(lock);
  if (mine->held)
    lck_mtx_unlock(lock);
  return NULL;
}
static struct sleep* begin(struct sleep* sleep) {
  pthread_create(&sleep->thread, NULL, sleep_once, sleep);
  return sleep;
}
static void end(struct sleep* sleep) {
  pthread_join(sleep->thread, NULL);
}

static void the_numbers_are_darwins(void) {
  CHECK(PRIMASK == 0xff && PCATCH == 0x100 && PDROP == 0x400 && PSPIN == 0x800);
  CHECK(PSWP == 0 && PVM == 4 && PINOD == 8 && PRIBIO == 16 && PVFS == 20 && PZERO == 22);
  CHECK(PSOCK == 24 && PWAIT == 32 && PLOCK == 36 && PPAUSE == 40 && PUSER == 50 && MAXPRI == 127);
  CHECK(ERESTART == -1 && EJUSTRETURN == -2);
}

static void conformance_45_zero_time_is_for_ever_and_wakeup_ends_it(void) {
  struct timespec zero = {0, 0};
  struct sleep a = {.pri = PZERO, .limit = &zero}, b = {.pri = PZERO | PDROP};
  begin(&a);
  await_sleepers(1);
  begin(&b);
  await_sleepers(2);
  wakeup(&channel);
  end(&a);
  end(&b);
  CHECK(a.answer == 0 && a.held);
  CHECK(b.answer == 0 && !b.held);
}

static void conformance_45_wakeup_one_takes_the_longest_sleeper(void) {
  struct sleep first = {.pri = PZERO}, second = {.pri = PZERO | PCATCH};
  begin(&first);
  await_sleepers(1);
  begin(&second);
  await_sleepers(2);
  wakeup_one(&channel);
  end(&first);
  await_sleepers(1);
  wakeup_one(&channel);
  end(&second);
  CHECK(first.answer == 0 && second.answer == 0);
}

static void conformance_45_a_time_that_passes_is_ewouldblock_and_pdrop_holds(void) {
  struct timespec moment = {0, 1000000};
  struct sleep a = {.pri = PZERO, .limit = &moment}, b = {.pri = PDROP, .limit = &moment};
  end(begin(&a));
  end(begin(&b));
  CHECK(a.answer == EWOULDBLOCK && a.held);
  CHECK(b.answer == EWOULDBLOCK && !b.held);
  CHECK(msleep(&channel, NULL, 0, NULL, &moment) == EWOULDBLOCK);
  CHECK(msleep(NULL, NULL, 0, NULL, NULL) == 0);
}

static void D_3_a_time_that_is_none_is_einval(void) {
  struct timespec wrong = {0, 1000000000};
  struct sleep a = {.pri = 0, .limit = &wrong}, b = {.pri = PDROP, .limit = &wrong};
  end(begin(&a));
  end(begin(&b));
  CHECK(a.answer == EINVAL && a.held);
  CHECK(b.answer == EINVAL && !b.held);
}

static void handle(int number) {
  (void)number;
}
static void a_signal_is_eintr_or_erestart_as_its_handler_says(void) {
  const int flags[] = {0, SA_RESTART};
  const int answers[] = {EINTR, ERESTART};
  for (int i = 0; i < 2; i++) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = flags[i]};
    struct sleep sleep = {.pri = PZERO | PCATCH};
    sigaction(SIGUSR1, &action, NULL);
    begin(&sleep);
    await_sleepers(1);
    pthread_kill(sleep.thread, SIGUSR1);
    end(&sleep);
    CHECK(sleep.answer == answers[i] && sleep.held);
  }
}

static void mutexes_lock_and_know_their_holder(void) {
  lck_mtx_t inside;
  lck_mtx_init(&inside, group, LCK_ATTR_NULL);
  lck_mtx_assert(&inside, LCK_MTX_ASSERT_NOTOWNED);
  lck_mtx_lock(&inside);
  lck_mtx_assert(&inside, LCK_MTX_ASSERT_OWNED);
  CHECK(!lck_mtx_try_lock(&inside));
  lck_mtx_unlock(&inside);
  CHECK(lck_mtx_try_lock(&inside));
  lck_mtx_unlock(&inside);
  lck_mtx_lock_spin(&inside);
  lck_mtx_convert_spin(&inside);
  lck_mtx_unlock(&inside);
  lck_mtx_destroy(&inside, group);
}

static void groups_and_attributes_come_and_go(void) {
  lck_grp_attr_t* group_attributes = lck_grp_attr_alloc_init();
  lck_attr_t* attributes = lck_attr_alloc_init();
  lck_grp_t* other;
  lck_grp_attr_setdefault(group_attributes);
  lck_grp_attr_setstat(group_attributes);
  lck_attr_setdefault(attributes);
  lck_attr_setdebug(attributes);
  lck_attr_cleardebug(attributes);
  other = lck_grp_alloc_init("other", group_attributes);
  lck_mtx_free(lck_mtx_alloc_init(other, attributes), other);
  lck_grp_free(other);
  lck_grp_free(lck_grp_alloc_init(NULL, group_attributes));
  lck_attr_free(attributes);
  lck_grp_attr_free(group_attributes);
}

/* What the kernel panics at ends the process, with words. */
static int ends_the_process(void (*mistake)(void)) {
  int status;
  const pid_t child = fork();
  if (child == 0) {
    freopen("/dev/null", "w", stderr);
    mistake();
    _exit(0);
  }
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
static void lock_twice(void) {
  lck_mtx_lock(lock);
  lck_mtx_lock(lock);
}
static void unlock_unheld(void) {
  lck_mtx_unlock(lock);
}
static void sleep_unheld(void) {
  msleep(&channel, lock, 0, "test", NULL);
}
static void assert_unheld(void) {
  lck_mtx_assert(lock, LCK_MTX_ASSERT_OWNED);
}
static void mistakes_with_a_mutex_are_panics(void) {
  CHECK(ends_the_process(lock_twice));
  CHECK(ends_the_process(unlock_unheld));
  CHECK(ends_the_process(sleep_unheld));
  CHECK(ends_the_process(assert_unheld));
}

static void* mach_sleep(void* arg) {
  lck_mtx_lock(lock);
  *(wait_result_t*)arg = lck_mtx_sleep(lock, LCK_SLEEP_UNLOCK, &channel, THREAD_UNINT);
  return NULL;
}
static void machs_words_for_it_do_the_same(void) {
  wait_result_t result = THREAD_TIMED_OUT;
  pthread_t thread;
  pthread_create(&thread, NULL, mach_sleep, &result);
  await_sleepers(1);
  thread_wakeup(&channel);
  pthread_join(thread, NULL);
  CHECK(result == THREAD_AWAKENED);
}

static void processes_are_asked_by_themselves_and_by_number(void) {
  char name[32], same[32];
  proc_t me = proc_self();
  struct proc* parent = proc_find(proc_selfppid());
  CHECK(me != NULL && proc_pid(me) == proc_selfpid() && proc_ppid(me) == proc_selfppid());
  CHECK(proc_exiting(me) == 0 && proc_exiting(NULL) == 0);
  CHECK(proc_is64bit(me) == (sizeof(void*) == 8));
  CHECK(proc_suser(me) == (geteuid() == 0 ? 0 : EPERM));
  CHECK(parent != NULL && proc_pid(parent) == getppid());
  proc_selfname(name, sizeof name);
  proc_name(getpid(), same, sizeof same);
  CHECK(strcmp(name, same) == 0 && strncmp(name, "conformance.dar", 15) == 0);
  CHECK(proc_rele(parent) == 0 && proc_rele(me) == 0);
  CHECK(proc_pid(NULL) == -1 && proc_ppid(NULL) == -1);
  CHECK(proc_suser(NULL) == EPERM && proc_is64bit(NULL) == (sizeof(void*) == 8));
}

static void the_small_functions_compare(void) {
  CHECK(imax(-1, 2) == 2 && imin(-1, 2) == -1 && max(1, 2) == 2 && min(1, 2) == 1);
  CHECK(lmax(-1, 2) == 2 && lmin(-1, 2) == -1 && ulmax(1, 2) == 2 && ulmin(1, 2) == 1);
}

int main(void) {
  group = lck_grp_alloc_init("test", LCK_GRP_ATTR_NULL);
  lock = lck_mtx_alloc_init(group, LCK_ATTR_NULL);
  TEST(the_numbers_are_darwins);
  TEST(conformance_45_zero_time_is_for_ever_and_wakeup_ends_it);
  TEST(conformance_45_wakeup_one_takes_the_longest_sleeper);
  TEST(conformance_45_a_time_that_passes_is_ewouldblock_and_pdrop_holds);
  TEST(D_3_a_time_that_is_none_is_einval);
  TEST(a_signal_is_eintr_or_erestart_as_its_handler_says);
  TEST(mutexes_lock_and_know_their_holder);
  TEST(groups_and_attributes_come_and_go);
  TEST(mistakes_with_a_mutex_are_panics);
  TEST(machs_words_for_it_do_the_same);
  TEST(processes_are_asked_by_themselves_and_by_number);
  TEST(the_small_functions_compare);
  lck_mtx_free(lock, group);
  lck_grp_free(group);
  return TESTS_END();
}
