/// A helper module in FreeBSD's style: counts the segments of each end of a TCP connection.
/// docs/write-a-helper.md walks through it.
/* The kernel's headers need this order (style(9)). */
// clang-format off
#include <sys/param.h>
#include <sys/kernel.h>
#include <sys/hhook.h>
#include <sys/khelp.h>
#include <sys/module.h>
#include <sys/module_khelp.h>
#include <sys/socket.h>

#include <netinet/tcp_var.h>

#include <vm/uma.h>
// clang-format on

/* One per end of a connection. The framework makes it, zeroed, and takes it away. */
struct count {
  uint64_t received; /* acknowledgements that came in */
  uint64_t sent;     /* segments that went out */
};

static int count_segment(int32_t type, int32_t id, void* udata, void* context, void* data,
                         struct osd* object) {
  struct count* count = data;
  (void)type, (void)udata, (void)context, (void)object;

  if (id == HHOOK_TCP_EST_IN)
    count->received++;
  else
    count->sent++;
  return (0);
}

static struct helper count_helper = {
    .h_flags = HELPER_NEEDS_OSD,
    .h_classes = HELPER_CLASS_TCP,
};

static struct hookinfo count_hooks[] = {
    {.hook_type = HHOOK_TYPE_TCP, .hook_id = HHOOK_TCP_EST_IN, .hook_func = count_segment},
    {.hook_type = HHOOK_TYPE_TCP, .hook_id = HHOOK_TCP_EST_OUT, .hook_func = count_segment},
};

KHELP_DECLARE_MOD_UMA(count, &count_helper, count_hooks, 1, sizeof(struct count), NULL, NULL);
