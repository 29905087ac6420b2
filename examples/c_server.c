/* A C program with two points: one asks for a verdict, one only tells. A listener of its own stands in
 * for a helper that an operator loads. docs/embed.md walks through it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/point.h>

/* What happens, as helpers see it. A program puts this into a header for them. */
struct command {
  const char* name;
  unsigned long bytes;
};
struct closed {
  unsigned long commands;
};
KHELP_POINT(command_point, "server.command", KHELP_HHOOK_RESULT_FIRST, command, name, bytes);
KHELP_POINT(closed_point, "server.closed", 0, closed, commands);

#define CONNECTION KHELP_HELPER_CLASS_APP

struct connection {
  unsigned long commands;
  struct khelp_osd slots; /* where helpers keep what they know of this connection */
};

static void serve(struct connection* c, const char* name, unsigned long bytes) {
  struct command what = {name, bytes};
  ++c->commands;
  printf("%s: %s\n", name, KHELP_DECIDE(command_point, &what, &c->slots) != 0 ? "denied" : "done");
}

static int talk(void) {
  struct connection c;
  struct closed end;
  memset(&c, 0, sizeof c);
  if (khelp_init_osd(CONNECTION, &c.slots) != 0)
    return 1;
  serve(&c, "get", 10);
  serve(&c, "set", 5000);
  serve(&c, "get", 20);
  end.commands = c.commands;
  KHELP_RUN(closed_point, &end, &c.slots);
  khelp_destroy_osd(&c.slots);
  return 0;
}

/* ---- a listener: a helper that denies what is too large, from a connection's second command on */

struct seen {
  unsigned long commands;
};
static int deny(int32_t type, int32_t id, void* udata, void* ctx, void* hdata,
                struct khelp_osd* slots) {
  const struct command* what = ctx;
  struct seen* mine = hdata;
  (void)type, (void)id, (void)udata, (void)slots;
  return ++mine->commands >= 2 && what->bytes > 1000 ? EACCES : 0;
}
static const struct khelp_hookinfo_x hooks[] = {
    {.size = sizeof hooks[0], .point = "server.command", .hook = {.hook_func = deny}}};
static const struct khelp_helper_x denier = {.size = sizeof denier,
                                             .version = 1,
                                             .name = "denier",
                                             .classes = CONNECTION,
                                             .flags = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT,
                                             .data_size = sizeof(struct seen),
                                             .hooks = hooks,
                                             .nhooks = 1};

int main(void) {
  int32_t id = 0;
  if (khelp_points_open() != 0 || talk() != 0 || khelp_helper_register(&denier, &id) != 0 ||
      talk() != 0 || khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0) != 0) {
    fprintf(stderr, "%s\n", khelp_failure_text());
    return 1;
  }
  khelp_points_close();
  return 0;
}
