/// uma(9) through the personality.
#include <string.h>
#include <sys/param.h>
#include <vm/uma.h>

#include "freebsd_check.h"

struct item {
  uint64_t number;
  char words[24];
};

static char journal[16];
static int written;

static int ctor(void* mem, int size, void* arg, int flags) {
  CHECK(size == sizeof(struct item));
  CHECK((flags & M_NOWAIT) != 0);
  journal[written++] = 'c';
  ((struct item*)mem)->number = arg == NULL ? 0 : *(uint64_t*)arg;
  return arg != NULL && *(uint64_t*)arg == 13 ? EINVAL : 0;
}

static void dtor(void* mem, int size, void* arg) {
  CHECK(mem != NULL && size == sizeof(struct item));
  journal[written++] = arg == NULL ? 'd' : 'D';
}

static int first_init(void* mem, int size, int flags) {
  (void)flags;
  memset(mem, 1, (size_t)size);
  if (written == 0)
    journal[written++] = 'i';
  return 0;
}

static int finished;
static void last_fini(void* mem, int size) {
  (void)mem, (void)size;
  finished++;
}

static void an_item_is_initialised_constructed_destroyed_and_finished(void) {
  uint64_t seven = 7, unlucky = 13;
  uma_zone_t zone = uma_zcreate("freebsd item", sizeof(struct item), ctor, dtor, first_init,
                                last_fini, UMA_ALIGN_PTR, UMA_ZONE_NOBUCKET);
  struct item* item;
  CHECK(zone != NULL);
  item = uma_zalloc_arg(zone, &seven, M_NOWAIT);
  CHECK(item != NULL && item->number == 7 && item->words[0] == 1);
  CHECK(uma_zone_get_cur(zone) == 1);
  CHECK(uma_zdestroy_checked(zone) == EBUSY);
  uma_zfree_arg(zone, item, &seven);
  item = uma_zalloc(zone, M_NOWAIT);
  uma_zfree(zone, item);
  uma_zfree(zone, NULL);
  CHECK(strcmp(journal, "icDcd") == 0);
  CHECK(uma_zalloc_arg(zone, &unlucky, M_NOWAIT) == NULL);
  CHECK(uma_zone_get_cur(zone) == 0);
  uma_zone_reclaim(zone, UMA_RECLAIM_DRAIN_CPU);
  uma_reclaim(UMA_RECLAIM_TRIM);
  uma_zdestroy(zone);
  CHECK(finished > 0);
}

static void memory_is_zeroed_and_aligned_as_asked(void) {
  uma_zone_t zone = uma_zcreate("freebsd zero", 48, NULL, NULL, NULL, NULL, 0, UMA_ZONE_ZINIT);
  unsigned char* item = uma_zalloc(zone, M_NOWAIT | M_ZERO);
  int i, sum = 0;
  CHECK(item != NULL && (uintptr_t)item % 16 == 0); /* whatever the mask says */
  for (i = 0; i < 48; i++)
    sum += item[i];
  CHECK(sum == 0);
  memset(item, 9, 48);
  uma_zfree(zone, item);
  item = uma_zalloc(zone, M_WAITOK | M_ZERO);
  CHECK(item[0] == 0 && item[47] == 0);
  uma_zfree(zone, item);
  CHECK(uma_zdestroy_checked(zone) == 0);
}

static void a_limit_answers_null_to_who_will_not_wait(void) {
  uma_zone_t zone =
      uma_zcreate("freebsd limit", 64, NULL, NULL, NULL, NULL, UMA_ALIGN_CACHE, UMA_ZONE_NOBUCKET);
  void* item;
  uma_zone_set_maxcache(zone, 0);
  uma_zone_set_warning(zone, "one is enough");
  CHECK(uma_zone_get_max(zone) == 0);
  CHECK(uma_zone_set_max(zone, 1) == 1);
  CHECK(uma_zone_get_max(zone) == 1);
  item = uma_zalloc(zone, M_NOWAIT);
  CHECK(item != NULL);
  CHECK(uma_zalloc(zone, M_NOWAIT) == NULL);
  CHECK(!uma_zone_exhausted(zone)); /* nobody sleeps */
  uma_zfree(zone, item);
  uma_zdestroy(zone);
}

static int actions;
static uma_zone_t limited;

static void count_action(uma_zone_t zone, int pending) {
  CHECK(zone == limited && pending == 1);
  actions++;
}

static void the_action_is_called_when_the_limit_is_met(void) {
  void* item;
  limited =
      uma_zcreate("freebsd action", 64, NULL, NULL, NULL, NULL, UMA_ALIGN_PTR, UMA_ZONE_NOBUCKET);
  uma_zone_set_maxaction(limited, count_action);
  uma_zone_set_max(limited, 1);
  item = uma_zalloc(limited, M_NOWAIT);
  CHECK(actions == 0);
  CHECK(uma_zalloc(limited, M_NOWAIT) == NULL);
  CHECK(actions == 1);
  uma_zfree(limited, item);
  uma_zdestroy(limited);
}

static void a_reserve_is_for_those_who_may_use_it(void) {
  uma_zone_t zone =
      uma_zcreate("freebsd reserve", 64, NULL, NULL, NULL, NULL, UMA_ALIGN_PTR, UMA_ZONE_NOBUCKET);
  void* ordinary;
  void* urgent;
  uma_zone_reserve(zone, 1);
  uma_prealloc(zone, 2);
  CHECK(uma_zone_reserve_kva(zone, 2) == 1);
  ordinary = uma_zalloc(zone, M_NOWAIT);
  urgent = uma_zalloc(zone, M_NOWAIT | M_USE_RESERVE);
  CHECK(ordinary != NULL && urgent != NULL);
  uma_zfree(zone, ordinary);
  uma_zfree(zone, urgent);
  uma_zdestroy(zone);
}

static void the_numbers_are_upstreams(void) {
  CHECK(M_NOWAIT == 0x1 && M_WAITOK == 0x2 && M_ZERO == 0x100 && M_NOVM == 0x200);
  CHECK(M_USE_RESERVE == 0x400 && M_NODUMP == 0x800 && M_EXEC == 0x4000);
  CHECK(UMA_ALIGN_PTR == 7 && UMA_ALIGN_LONG == 7 && UMA_ALIGN_INT == 3);
  CHECK(UMA_ALIGN_SHORT == 1 && UMA_ALIGN_CHAR == 0 && UMA_ALIGN_CACHE == -1);
  CHECK(UMA_ZONE_ZINIT == 0x2 && UMA_ZONE_CONTIG == 0x4 && UMA_ZONE_NOTOUCH == 0x8);
  CHECK(UMA_ZONE_NOFREE == 0x20 && UMA_ZONE_MTXCLASS == 0x40 && UMA_ZONE_VM == 0x80);
  CHECK(UMA_ZONE_NOTPAGE == 0x100 && UMA_ZONE_NOBUCKET == 0x400 && UMA_ZONE_MAXBUCKET == 0x800);
  CHECK(UMA_ZONE_CACHESPREAD == 0x2000 && UMA_ZONE_NODUMP == 0x4000 && UMA_ZONE_PCPU == 0x8000);
  CHECK(UMA_ZONE_FIRSTTOUCH == 0x10000 && UMA_ZONE_ROUNDROBIN == 0x20000);
  CHECK(UMA_ZONE_SMR == 0x40000);
  CHECK(UMA_RECLAIM_DRAIN == 1 && UMA_RECLAIM_DRAIN_CPU == 2 && UMA_RECLAIM_TRIM == 3);
}

int main(void) {
  TEST(an_item_is_initialised_constructed_destroyed_and_finished);
  TEST(memory_is_zeroed_and_aligned_as_asked);
  TEST(a_limit_answers_null_to_who_will_not_wait);
  TEST(the_action_is_called_when_the_limit_is_met);
  TEST(a_reserve_is_for_those_who_may_use_it);
  TEST(the_numbers_are_upstreams);
  return TESTS_END();
}
