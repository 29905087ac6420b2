/// _MALLOC and _FREE, as kernel extensions use them.
#include <libkern/libkern.h>
#include <stdint.h>
#include <sys/malloc.h>
#include <sys/systm.h>
#include <sys/wait.h>
#include <unistd.h>

#include <khelp/log.h>
#include <khelp/malloc.h>

#include "freebsd_check.h"

static void find_temp(void* arg, const struct khelp_malloc_stat* stat) {
  if (strcmp(stat->name, "temp") == 0)
    *(struct khelp_malloc_stat*)arg = *stat;
}
static struct khelp_malloc_stat temp(void) {
  struct khelp_malloc_stat stat = {0};
  khelp_malloc_stats(find_temp, &stat);
  return stat;
}

static void the_numbers_are_darwins(void) {
  CHECK(M_WAITOK == 0 && M_NOWAIT == 1 && M_ZERO == 4 && M_NULL == 8);
  CHECK(M_PCB == 4 && M_RTABLE == 5 && M_IFADDR == 9 && M_SONAME == 11 && M_LOCKF == 40);
  CHECK(M_TEMP == 80 && M_UDFNODE == 84 && M_UDFMNT == 85 && M_KAUTH == 100);
}

static void conformance_46_no_bytes_are_null(void) {
  CHECK(_MALLOC(0, M_TEMP, M_WAITOK) == NULL);
  CHECK(_MALLOC(0, M_TEMP, M_NOWAIT | M_ZERO) == NULL);
  _FREE(NULL, M_TEMP);
}

static void conformance_46_m_zero_zeroes(void) {
  for (int round = 0; round < 3; round++) {
    unsigned char* block = _MALLOC(200, M_TEMP, M_ZERO);
    for (int i = 0; i < 200; i++)
      CHECK(block[i] == 0);
    memset(block, 0xff, 200);
    _FREE(block, M_TEMP);
  }
}

static void conformance_46_accounting_per_type_returns_to_zero(void) {
  void* blocks[10];
  CHECK(temp().in_use == 0 && temp().bytes == 0);
  for (int i = 0; i < 10; i++)
    blocks[i] = _MALLOC(1000, M_TEMP, M_WAITOK);
  CHECK(temp().in_use == 10 && temp().bytes == 10000);
  for (int i = 0; i < 10; i++)
    _FREE(blocks[i], M_TEMP);
  CHECK(temp().in_use == 0 && temp().bytes == 0 && temp().high_water == 10000);
}

static void the_macros_assign_and_cast(void) {
  struct thing {
    int number;
  } * thing;
  MALLOC(thing, struct thing*, sizeof *thing, M_PCB, M_WAITOK | M_ZERO);
  CHECK(thing != NULL && thing->number == 0);
  FREE(thing, M_PCB);
}

static void what_cannot_be_had_is_null_for_those_who_ask_for_that(void) {
  CHECK(_MALLOC(SIZE_MAX / 2, M_TEMP, M_NOWAIT) == NULL);
  CHECK(_MALLOC(SIZE_MAX, M_TEMP, M_WAITOK | M_NULL) == NULL);
}

static void what_cannot_be_had_ends_the_process_otherwise(void) {
  int status;
  const pid_t child = fork();
  if (child == 0) {
    freopen("/dev/null", "w", stderr);
    (void)_MALLOC(SIZE_MAX, M_TEMP, M_WAITOK);
    _exit(0);
  }
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
}

static char logged[256];
static void keep(void* arg, int level, const char* words) {
  (void)arg, (void)level;
  strncpy(logged, words, sizeof logged - 1);
}

static void D_1_a_free_with_another_type_is_reported(void) {
  khelp_malloc_set_debug(1);
  khelp_log_set_sink(keep, NULL);
  _FREE(_MALLOC(24, M_PCB, M_WAITOK), M_TEMP);
  khelp_log_set_sink(NULL, NULL);
  CHECK(strcmp(logged, "malloc: a block of 24 bytes of type pcb is given back as one of temp") ==
        0);
}

static void printf_goes_to_the_log(void) {
  khelp_log_set_sink(keep, NULL);
  printf("%s: %d lines\n", "driver", 3);
  khelp_log_set_sink(NULL, NULL);
  CHECK(strcmp(logged, "driver: 3 lines") == 0);
}

/* What `body` writes to standard error. */
static const char* written_by(void (*body)(void)) {
  static char words[256];
  int ends[2], before = dup(STDERR_FILENO);
  ssize_t length;
  if (pipe(ends) != 0)
    return "no pipe";
  dup2(ends[1], STDERR_FILENO);
  body();
  dup2(before, STDERR_FILENO);
  close(before);
  close(ends[1]);
  length = read(ends[0], words, sizeof words - 1);
  words[length > 0 ? length : 0] = '\0';
  close(ends[0]);
  return words;
}

static void print_two_lines(void) {
  printf("%s: %d lines\n", "driver", 3);
  printf("and a half");
}
static void printf_goes_to_the_console_when_there_is_no_sink(void) {
  CHECK(strcmp(written_by(print_two_lines), "driver: 3 lines\nand a half") == 0);
}

/* As drivers pass it on. */
static void tell(void (*say)(const char* format, ...)) {
  say("the answer is %d\n", 42);
}
static void tell_by_printf(void) {
  tell(printf);
  tell(&printf);
}
static void printf_is_a_function_to_pass_on(void) {
  CHECK(strcmp(written_by(tell_by_printf), "the answer is 42\nthe answer is 42\n") == 0);
}

int main(void) {
  TEST(the_numbers_are_darwins);
  TEST(conformance_46_accounting_per_type_returns_to_zero);
  TEST(conformance_46_no_bytes_are_null);
  TEST(conformance_46_m_zero_zeroes);
  TEST(the_macros_assign_and_cast);
  TEST(what_cannot_be_had_is_null_for_those_who_ask_for_that);
  TEST(what_cannot_be_had_ends_the_process_otherwise);
  TEST(D_1_a_free_with_another_type_is_reported);
  TEST(printf_goes_to_the_log);
  TEST(printf_goes_to_the_console_when_there_is_no_sink);
  TEST(printf_is_a_function_to_pass_on);
  return TESTS_END();
}
