/// Instances in FreeBSD's idiom: a mail relay for several tenants, each a world of its own with its
/// own limit, its own counters and its own hook point.
#include <net/vnet.h>
#include <stdio.h>
#include <sys/hhook.h>
#include <sys/kernel.h>
#include <sys/param.h>

#define HHOOK_TYPE_MAIL (HHOOK_TYPE_APP + 2)

VNET_DEFINE_STATIC(unsigned, limit) = 2; /* the first value in every instance */
#define V_limit VNET(limit)
VNET_DEFINE_STATIC(unsigned, sent);
#define V_sent VNET(sent)
VNET_DEFINE_STATIC(struct hhook_head*, outgoing);
#define V_outgoing VNET(outgoing)

/* Once, when the program starts, in the order of their places. */
static void open_spool(void* unused __unused) {
  printf("the spool is open\n");
}
SYSINIT(spool, SI_SUB_DRIVERS, SI_ORDER_FIRST, open_spool, NULL);

static unsigned total;
static int count_mail(int32_t type __unused, int32_t id __unused, void* udata __unused,
                      void* context __unused, void* data __unused, struct osd* object __unused) {
  total++;
  return (0);
}
static struct hookinfo counting = {.hook_type = HHOOK_TYPE_MAIL, .hook_func = count_mail};
static void watch_mail(void* unused __unused) {
  hhook_add_hook_lookup(&counting, HHOOK_WAITOK); /* in all instances, those to come too */
}
SYSINIT(watch, SI_SUB_DRIVERS, SI_ORDER_SECOND, watch_mail, NULL);

/* In every instance, when it begins and when it ends. */
static void tenant_begins(void* unused __unused) {
  hhook_head_register(HHOOK_TYPE_MAIL, 0, &V_outgoing, HHOOK_WAITOK | HHOOK_HEADISINVNET);
}
VNET_SYSINIT(tenant, SI_SUB_PSEUDO, SI_ORDER_ANY, tenant_begins, NULL);

static void tenant_ends(void* unused __unused) {
  printf("a tenant ends: %u of %u sent\n", V_sent, V_limit);
  hhook_head_deregister(V_outgoing);
}
VNET_SYSUNINIT(tenant, SI_SUB_PSEUDO, SI_ORDER_ANY, tenant_ends, NULL);

static void send_mail(struct vnet* tenant) {
  CURVNET_SET(tenant);
  if (V_sent < V_limit) {
    V_sent++;
    HHOOKS_RUN_IF(V_outgoing, NULL, NULL);
  }
  CURVNET_RESTORE();
}

int main(void) {
  struct vnet *small, *large;
  int i;

  if (mi_startup() != 0)
    return 1;
  small = vnet_alloc();
  large = vnet_alloc();
  if (small == NULL || large == NULL)
    return 1;
  VNET_VNET(large, limit) = 100;
  for (i = 0; i < 5; i++) {
    send_mail(small);
    send_mail(large);
  }
  vnet_destroy(small);
  vnet_destroy(large);
  printf("%u mails in all\n", total);
  return 0;
}
