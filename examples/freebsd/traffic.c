/// A helper for server.c: says how much each session was sent.
#include <sys/hhook.h>
#include <sys/khelp.h>
#include <sys/module_khelp.h>
#include <sys/param.h>
#include <sys/systm.h>

#include "web.h"

struct traffic {
  uint32_t requests;
  uint64_t bytes;
};

static int add_request(int32_t type, int32_t id, void* udata, void* context, void* data,
                       struct osd* object) {
  struct web_request* request = context;
  struct traffic* traffic = data;
  (void)type, (void)id, (void)udata, (void)object;

  traffic->requests++;
  traffic->bytes += request->bytes;
  return (0);
}

static void session_ends(void* data, int size, void* arg) {
  struct traffic* traffic = data;
  (void)size, (void)arg;

  printf("a session ends: %u requests, %ju bytes\n", traffic->requests, (uintmax_t)traffic->bytes);
}

static struct helper traffic_helper = {
    .h_flags = HELPER_NEEDS_OSD,
    .h_classes = HELPER_CLASS_WEB,
};

static struct hookinfo traffic_hooks[] = {
    {.hook_type = HHOOK_TYPE_WEB, .hook_id = HHOOK_WEB_REQUEST, .hook_func = add_request},
};

KHELP_DECLARE_MOD_UMA(traffic, &traffic_helper, traffic_hooks, 1, sizeof(struct traffic), NULL,
                      session_ends);
