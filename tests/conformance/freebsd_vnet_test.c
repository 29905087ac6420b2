/// Instances through the personality: one point each, and the current one per block.
#include <net/vnet.h>
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

int main(void) {
  TEST(the_current_instance_nests_by_blocks);
  TEST(a_point_exists_once_per_instance);
  return TESTS_END();
}
