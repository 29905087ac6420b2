/// How steady are the links? Reads lines "SECONDS NAME up|down" and says of each link how often it
/// went down and for how long; of one that goes down three times, at once.
///
/// As in NetBSD, each link has a list of link-state hooks (simplehook(9)), and what is to be said at
/// the end is a shutdown hook.
#include <sys/hook.h>
#include <sys/systm.h>

#define UNSTEADY 3

struct link {
  char name[16];
  bool up;
  long now, down_since, down_for;
  unsigned downs;
  khook_list_t* linkstate_hooks;
  khook_t* alarm;
  struct link* next;
};

static void link_measure(void* arg) {
  struct link* link = arg;
  if (link->up) {
    link->down_for += link->now - link->down_since;
  } else {
    link->down_since = link->now;
    link->downs++;
  }
}

/* Rings once: then it takes itself off the list, from inside the run. */
static void link_alarm(void* arg) {
  struct link* link = arg;
  if (link->downs < UNSTEADY)
    return;
  printf("%s: unsteady after %ld seconds\n", link->name, link->now);
  simplehook_disestablish(link->linkstate_hooks, link->alarm, NULL);
}

static void link_report(void* arg) {
  struct link* link = arg;
  printf("%s: down %u times, %ld seconds\n", link->name, link->downs, link->down_for);
  simplehook_destroy(link->linkstate_hooks);
  free(link);
}

static struct link* link_attach(const char* name, struct link* next) {
  struct link* link = calloc(1, sizeof *link);
  if (link == NULL)
    panic("%s: no memory", name);
  *link = (struct link){.up = true, .next = next};
  snprintf(link->name, sizeof link->name, "%s", name);
  link->linkstate_hooks = simplehook_create(IPL_NONE, link->name);
  /* The newest is called first: it has measured when the alarm looks. */
  link->alarm = simplehook_establish(link->linkstate_hooks, link_alarm, link);
  simplehook_establish(link->linkstate_hooks, link_measure, link);
  shutdownhook_establish(link_report, link);
  return link;
}

int main(void) {
  struct link *links = NULL, *link;
  char name[16], state[8];
  long now;
  while (scanf("%ld %15s %7s", &now, name, state) == 3) {
    for (link = links; link != NULL && strcmp(link->name, name) != 0;)
      link = link->next;
    if (link == NULL)
      link = links = link_attach(name, links);
    link->now = now;
    if (link->up != (strcmp(state, "up") == 0)) {
      link->up = !link->up;
      simplehook_dohooks(link->linkstate_hooks);
    }
  }
  return 0;
}
