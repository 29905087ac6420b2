/// malloc(9), as FreeBSD modules use it.
#include <sys/malloc.h>
#include <sys/param.h>

#include "freebsd_check.h"

MALLOC_DECLARE(M_THING);
MALLOC_DEFINE(M_THING, "thing", "things of the test");

static void find_thing(void* arg, const struct khelp_malloc_stat* stat) {
  if (__builtin_strcmp(stat->name, "thing") == 0)
    *(struct khelp_malloc_stat*)arg = *stat;
}
static struct khelp_malloc_stat thing(void) {
  struct khelp_malloc_stat stat = {0};
  khelp_malloc_stats(find_thing, &stat);
  return stat;
}

static void the_flags_are_freebsds(void) {
  CHECK(M_NOWAIT == 1 && M_WAITOK == 2 && M_ZERO == 0x100 && M_USE_RESERVE == 0x400);
}

static void a_type_accounts_for_its_blocks(void) {
  char *a = malloc(100, M_THING, M_WAITOK), *b = malloc(28, M_THING, M_NOWAIT | M_ZERO);
  CHECK(a != NULL && b != NULL && b[27] == 0);
  CHECK(thing().in_use == 2 && thing().bytes == 128 && thing().requests == 2);
  free(a, M_THING);
  free(b, M_THING);
  free(NULL, M_THING);
  CHECK(thing().in_use == 0 && thing().bytes == 0 && thing().high_water == 128);
}

static void blocks_change_their_size(void) {
  char* block = realloc(NULL, 10, M_THING, M_WAITOK);
  block[9] = 'x';
  block = realloc(block, 1000, M_THING, M_WAITOK);
  CHECK(block[9] == 'x' && malloc_usable_size(block) >= 1000);
  CHECK(realloc(block, SIZE_MAX, M_THING, M_NOWAIT) == NULL);
  CHECK(reallocf(block, SIZE_MAX, M_THING, M_NOWAIT) == NULL);
  CHECK(thing().in_use == 0);
}

static void arrays_do_not_overflow(void) {
  int* numbers = mallocarray(10, sizeof *numbers, M_THING, M_WAITOK | M_ZERO);
  CHECK(numbers != NULL && numbers[9] == 0);
  zfree(numbers, M_THING);
  CHECK(mallocarray(SIZE_MAX / 2, 4, M_THING, M_NOWAIT) == NULL);
}

static void the_c_librarys_names_work_beside_them(void) {
  void* block = malloc(10);
  block = realloc(block, 20);
  CHECK(block != NULL);
  free(block);
}

static void the_kernels_own_types_are_there(void) {
  free(malloc(8, M_TEMP, M_WAITOK), M_TEMP);
  free(malloc(8, M_DEVBUF, M_WAITOK), M_DEVBUF);
}

int main(void) {
  TEST(the_flags_are_freebsds);
  TEST(a_type_accounts_for_its_blocks);
  TEST(blocks_change_their_size);
  TEST(arrays_do_not_overflow);
  TEST(the_c_librarys_names_work_beside_them);
  TEST(the_kernels_own_types_are_there);
  return TESTS_END();
}
