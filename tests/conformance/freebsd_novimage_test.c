/// The same source without VIMAGE: one instance, plain globals.
#include <net/vnet.h>
#include <sys/hhook.h>
#include <sys/param.h>

#include "freebsd_check.h"

enum { type = HHOOK_TYPE_APP + 5 };

VNET_DEFINE(int, ttl) = 64;
#define V_ttl VNET(ttl)
VNET_DEFINE_STATIC(int, constructed);

static void construct(void* unused __unused) {
  VNET(constructed)++;
}
VNET_SYSINIT(construct, SI_SUB_PSEUDO, SI_ORDER_ANY, construct, NULL);

static void there_is_one_instance_and_nobody_says_which(void) {
  int rounds = 0;
  CHECK(mi_startup() == 0);
  CHECK(constructed == 1);
  VNET_LIST_RLOCK();
  VNET_FOREACH(each) {
    CURVNET_SET(each);
    V_ttl++;
    rounds++;
    CURVNET_RESTORE();
  }
  VNET_LIST_RUNLOCK();
  CHECK(rounds == 1 && ttl == 65 && &V_ttl == &ttl && VNET_PTR(ttl) == &ttl);
  CHECK(curvnet == NULL && IS_DEFAULT_VNET(curvnet));
}

static int calls;
static int count(int32_t t __unused, int32_t id __unused, void* udata __unused,
                 void* context __unused, void* data __unused, struct osd* object __unused) {
  calls++;
  return 0;
}

static void a_point_per_instance_is_the_one_instances(void) { /* H-21 */
  struct hhook_head* point = NULL;
  struct hookinfo hook = {.hook_func = count, .hook_type = type, .hook_id = 1};
  CHECK(hhook_head_register(type, 1, &point, HHOOK_WAITOK | HHOOK_HEADISINVNET) == 0);
  CHECK(hhook_head_register(type, 1, NULL, HHOOK_WAITOK | HHOOK_HEADISINVNET) == EEXIST);
  CHECK(hhook_head_is_virtualised(point) == HHOOK_HEADISINVNET);
  CHECK(hhook_head_is_virtualised_lookup(type, 1) == HHOOK_HEADISINVNET);
  CHECK(hhook_add_hook_lookup(&hook, HHOOK_WAITOK) == 0);
  HHOOKS_RUN_LOOKUP_IF(type, 1, NULL, NULL);
  HHOOKS_RUN_IF(point, NULL, NULL);
  CHECK(calls == 2);
  CHECK(hhook_head_get(type, 1) == point);
  hhook_head_release(point);
  CHECK(hhook_head_deregister_lookup(type, 1) == 0);
  CHECK(hhook_remove_hook_lookup(&hook) == 0);
}

int main(void) {
  TEST(there_is_one_instance_and_nobody_says_which);
  TEST(a_point_per_instance_is_the_one_instances);
  return TESTS_END();
}
