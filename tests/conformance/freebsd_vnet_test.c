/// Instances through the personality: one point each, the current one per block, variables, start
/// functions of a program.
#include <net/vnet.h>
#include <string.h>
#include <sys/hhook.h>
#include <sys/param.h>

#include "freebsd_check.h"

enum { type = HHOOK_TYPE_APP + 4 };

static void the_current_instance_nests_by_blocks(void) {
  struct vnet* outer = vnet_alloc();
  struct vnet* inner = vnet_alloc();
  CHECK(outer != NULL && inner != NULL && outer->vnet_magic_n == VNET_MAGIC_N);
  CHECK(curvnet == NULL);
  {
    CURVNET_SET(outer);
    CHECK(curvnet == outer);
    {
      CURVNET_SET_QUIET(inner);
      CHECK(curvnet == inner);
      CURVNET_RESTORE();
    }
    CHECK(curvnet == outer);
    CURVNET_RESTORE();
  }
  CHECK(curvnet == NULL);
  vnet_destroy(outer);
  vnet_destroy(inner);
}

static void a_point_exists_once_per_instance(void) {
  struct vnet* instances[2] = {vnet_alloc(), vnet_alloc()};
  struct hhook_head* heads[2] = {NULL, NULL};
  int i;
  CHECK(hhook_head_register(type, 1, NULL, HHOOK_WAITOK | HHOOK_HEADISINVNET) == EINVAL); /* H-20 */
  for (i = 0; i < 2; i++) {
    CURVNET_SET(instances[i]);
    CHECK(hhook_head_register(type, 1, &heads[i], HHOOK_WAITOK | HHOOK_HEADISINVNET) == 0);
    CHECK(hhook_head_register(type, 1, NULL, HHOOK_WAITOK | HHOOK_HEADISINVNET) == EEXIST);
    CHECK(hhook_head_is_virtualised(heads[i]) == HHOOK_HEADISINVNET);
    CHECK(hhook_head_is_virtualised_lookup(type, 1) == HHOOK_HEADISINVNET);
    CURVNET_RESTORE();
  }
  CHECK(heads[0] != heads[1]);
  CURVNET_SET(instances[1]);
  CHECK(hhook_head_get(type, 1) == heads[1]);
  hhook_head_release(heads[1]);
  CHECK(hhook_head_deregister_lookup(type, 1) == 0);
  CURVNET_RESTORE();
  vnet_destroy(instances[0]); /* takes its point along */
  vnet_destroy(instances[1]);
}

VNET_DECLARE(int, ttl);
#define V_ttl VNET(ttl)
VNET_DEFINE(int, ttl) = 64;
VNET_DEFINE_STATIC(int, constructed);
#define V_constructed VNET(constructed)

/* FreeBSD's own points are declared so. */
VNET_DECLARE(struct hhook_head*, points[2 + 1]);
#define V_points VNET(points)
VNET_DEFINE(struct hhook_head*, points[2 + 1]);
VNET_DEFINE(uint8_t, secret[1]) = {9};
VNET_DEFINE_STATIC(int, grid[2][3]) = {{1, 2, 3}, {4, 5, 6}};

static char order[8];
static void append(void* letter) {
  strcat(order, letter);
}
SYSINIT(third, SI_SUB_PSEUDO, SI_ORDER_SECOND, append, "c");
SYSINIT(first, SI_SUB_CPU, SI_ORDER_ANY, append, "a");
SYSINIT(second, SI_SUB_PSEUDO, SI_ORDER_FIRST, append, "b");
SYSUNINIT(first, SI_SUB_CPU, SI_ORDER_ANY, append, "z");
SYSUNINIT(second, SI_SUB_PSEUDO, SI_ORDER_FIRST, append, "y");

static void construct(void* by) {
  V_constructed += *(int*)by;
}
static int one = 1;
VNET_SYSINIT(construct, SI_SUB_PSEUDO, SI_ORDER_ANY, construct, &one);

static int destroyed_ttl;
static void destroy(void* unused __unused) {
  destroyed_ttl = V_ttl;
}
VNET_SYSUNINIT(destroy, SI_SUB_PSEUDO, SI_ORDER_ANY, destroy, NULL);

static void a_program_says_when_it_starts(void) {
  CHECK(mi_startup() == 0);
  CHECK(strcmp(order, "abc") == 0);
  CHECK(mi_startup() == EALREADY);
  CHECK(VNET_VNET(vnet0, constructed) == 1);
  CHECK(IS_DEFAULT_VNET(vnet0) && curvnet == NULL);
}

static void a_variable_has_a_value_in_each_instance(void) {
  struct vnet* instance = vnet_alloc();
  CHECK(VNET_VNET(instance, constructed) == 1);
  {
    CURVNET_SET(instance);
    CHECK(V_ttl == 64);
    V_ttl = 1;
    *VNET_PTR(constructed) = 7;
    CURVNET_RESTORE();
  }
  CHECK(VNET_VNET(instance, ttl) == 1 && *VNET_VNET_PTR(instance, constructed) == 7);
  CHECK(VNET_VNET(vnet0, ttl) == 64);
  vnet_destroy(instance);
  CHECK(destroyed_ttl == 1);
}

static void an_array_has_its_elements_in_each_instance(void) {
  struct vnet* instance = vnet_alloc();
  struct hhook_head head;
  int i;
  {
    CURVNET_SET(instance);
    for (i = 0; i < 3; i++)
      CHECK(V_points[i] == NULL);
    V_points[0] = V_points[2] = &head;
    CHECK(VNET(secret)[0] == 9);
    VNET(secret)[0] = 1;
    CHECK(VNET(grid)[0][0] == 1 && VNET(grid)[1][2] == 6);
    (*VNET_PTR(grid))[1][2] = 7;
    CHECK(sizeof(V_points) == 3 * sizeof(void*));
    CHECK(V_ttl == 64);
    CURVNET_RESTORE();
  }
  CHECK(VNET_VNET(instance, points)[0] == &head && VNET_VNET(instance, points)[1] == NULL);
  CHECK(VNET_VNET(instance, grid)[1][2] == 7);
  for (i = 0; i < 3; i++)
    CHECK(VNET_VNET(vnet0, points)[i] == NULL);
  CHECK(VNET_VNET(vnet0, secret)[0] == 9 && VNET_VNET(vnet0, grid)[1][2] == 6);
  vnet_destroy(instance);
}

static void all_instances_are_on_the_list(void) {
  struct vnet* instances[2] = {vnet_alloc(), vnet_alloc()};
  int seen = 0;
  VNET_ITERATOR_DECL(each);
  VNET_LIST_RLOCK();
  VNET_FOREACH(each) {
    CURVNET_SET(each);
    CURVNET_ASSERT_SET();
    CHECK(V_constructed == 1);
    seen++;
    VNET_LIST_RLOCK_NOSLEEP();
    VNET_LIST_RUNLOCK_NOSLEEP();
    CURVNET_RESTORE();
  }
  VNET_LIST_RUNLOCK();
  CHECK(seen == 3);
  vnet_destroy(instances[0]);
  vnet_destroy(instances[1]);
}

static void a_program_may_end_what_it_started(void) {
  destroyed_ttl = 0;
  CHECK(khelp_program_stop() == 0);
  CHECK(strcmp(order, "abcyz") == 0);
  CHECK(destroyed_ttl == 64);
  CHECK(khelp_program_stop() == ENOENT);
}

int main(void) {
  TEST(a_program_says_when_it_starts);
  TEST(a_variable_has_a_value_in_each_instance);
  TEST(an_array_has_its_elements_in_each_instance);
  TEST(all_instances_are_on_the_list);
  TEST(the_current_instance_nests_by_blocks);
  TEST(a_point_exists_once_per_instance);
  TEST(a_program_may_end_what_it_started);
  return TESTS_END();
}
