/// The classic families, at the process's real events. Compiled as C and as C++.
#include <stdlib.h>
#include <string.h>
#include <sys/systm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "freebsd_check.h"

/* ---- what a child of a fork writes before it ends ---- */

static int out = -1;
static char heard[128];

static void say(const char* word) {
  if (write(out, word, strlen(word)) < 0)
    _exit(3);
}
/* Run `body` in a child, and read what it and its own children say. */
static int child_says(void (*body)(void), const char* expected) {
  int ends[2];
  size_t length = 0;
  ssize_t n;
  pid_t child;
  if (pipe(ends) != 0)
    return 0;
  child = fork();
  if (child == 0) {
    close(ends[0]);
    out = ends[1];
    body();
    exit(0);
  }
  close(ends[1]);
  while ((n = read(ends[0], heard + length, sizeof heard - 1 - length)) > 0)
    length += (size_t)n;
  heard[length] = '\0';
  close(ends[0]);
  waitpid(child, NULL, 0);
  if (strcmp(heard, expected) != 0)
    fprintf(stderr, "  heard: \"%s\"\n", heard);
  return strcmp(heard, expected) == 0;
}

static char one[] = "1", two[] = "2", three[] = "3";

/* ---- shutdown and exit ---- */

static void say_shutdown(void* arg) {
  say("s");
  say((const char*)arg);
}
static void say_exit(struct proc* p, void* arg) {
  say(p->p_pid == getpid() ? "e" : "?");
  say((const char*)arg);
}

static void establish_both(void) {
  void* removed = shutdownhook_establish(say_shutdown, three);
  void* gone = exithook_establish(say_exit, three);
  shutdownhook_establish(say_shutdown, one);
  exithook_establish(say_exit, one);
  shutdownhook_establish(say_shutdown, two);
  exithook_establish(say_exit, two);
  shutdownhook_disestablish(removed);
  exithook_disestablish(gone);
}
static void exit_runs_exit_hooks_then_shutdown_hooks_newest_first(void) {
  CHECK(child_says(establish_both, "e2e1s2s1"));
}

static void shut_down_early(void) {
  shutdownhook_establish(say_shutdown, one);
  doshutdownhooks();
  doshutdownhooks();
  say("|");
}
static void each_shutdown_hook_runs_once(void) {
  CHECK(child_says(shut_down_early, "s1|"));
}

static void shut_down_again(void* arg) {
  say_shutdown(arg);
  doshutdownhooks();
}
static void nest_shutdowns(void) {
  shutdownhook_establish(say_shutdown, one);
  shutdownhook_establish(shut_down_again, two);
}
static void a_shutdown_hook_that_shuts_down_again_is_not_run_twice(void) {
  CHECK(child_says(nest_shutdowns, "s2s1"));
}

static void leave_quickly(void) {
  exithook_establish(say_exit, one);
  say("|");
  _exit(0);
}
static void leaving_without_exit_runs_no_hook(void) {
  CHECK(child_says(leave_quickly, "|"));
}

/* ---- fork ---- */

static void say_fork(struct proc* child, struct proc* parent) {
  say(child->p_pid == getpid() && parent->p_pid == getppid() ? "f" : "?");
}
static void say_fork_too(struct proc* child, struct proc* parent) {
  (void)child, (void)parent;
  say("F");
}
static void fork_twice(void) {
  void* removed = forkhook_establish(say_fork);
  forkhook_establish(say_fork);
  forkhook_establish(say_fork_too);
  forkhook_disestablish(removed);
  for (int i = 0; i < 2; i++) {
    if (fork() == 0)
      _exit(0);
    wait(NULL);
    say("|");
  }
}
static void fork_hooks_run_in_each_child_newest_first(void) {
  CHECK(child_says(fork_twice, "Ff|Ff|"));
}

/* ---- power ---- */

static char powered[32];
static void note_power(int why, void* arg) {
  const size_t length = strlen(powered);
  powered[length] = (char)('0' + why);
  powered[length + 1] = ((const char*)arg)[0];
  powered[length + 2] = '\0';
}
static int power_was(int why, const char* expected) {
  powered[0] = '\0';
  dopowerhooks(why);
  return strcmp(powered, expected) == 0;
}
static char device_a[] = "a", device_b[] = "b", device_c[] = "c";

static void power_hooks_go_down_newest_first_and_come_back_the_other_way_round(void) {
  void* a = powerhook_establish("a", note_power, device_a);
  void* gone = powerhook_establish("a-name-longer-than-fifteen", note_power, device_c);
  void* b = powerhook_establish("b", note_power, device_b);
  CHECK(a != NULL && gone != NULL && b != NULL);
  powerhook_disestablish(gone);
  CHECK(power_was(PWR_SUSPEND, "1b1a"));
  CHECK(power_was(PWR_STANDBY, "2b2a"));
  CHECK(power_was(PWR_SOFTSUSPEND, "4b4a"));
  CHECK(power_was(PWR_SOFTSTANDBY, "5b5a"));
  CHECK(power_was(PWR_RESUME, "0a0b"));
  CHECK(power_was(PWR_SOFTRESUME, "3a3b"));
  powerhook_disestablish(a);
  powerhook_disestablish(b);
  CHECK(power_was(PWR_SUSPEND, ""));
}

int main(void) {
  TEST(exit_runs_exit_hooks_then_shutdown_hooks_newest_first);
  TEST(each_shutdown_hook_runs_once);
  TEST(a_shutdown_hook_that_shuts_down_again_is_not_run_twice);
  TEST(leaving_without_exit_runs_no_hook);
  TEST(fork_hooks_run_in_each_child_newest_first);
  TEST(power_hooks_go_down_newest_first_and_come_back_the_other_way_round);
  return TESTS_END();
}
