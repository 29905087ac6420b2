/// A program with a hook point, in FreeBSD's style: `server HELPER.so` serves three requests of two
/// sessions with the helper loaded, and unloads it.
#include <stdio.h>
#include <sys/hhook.h>
#include <sys/khelp.h>
#include <sys/osd.h>
#include <sys/param.h>

#include <khelp/error.h>
#include <khelp/loader.h>

#include "web.h"

struct session {
  const char* user;
  struct osd slots; /* 1. embed the slots; they must start zeroed */
};

static struct hhook_head* request_point;

static void open_session(struct session* session, const char* user) {
  *session = (struct session){.user = user};
  if (khelp_init_osd(HELPER_CLASS_WEB, &session->slots) != 0) /* 2. when the object begins */
    fprintf(stderr, "%s: %s\n", user, khelp_failure_text());
}

static void close_session(struct session* session) {
  khelp_destroy_osd(&session->slots); /* 3. when it ends */
}

static void serve(struct session* session, const char* path, uint32_t bytes) {
  struct web_request request = {path, bytes};
  printf("%s gets %s\n", session->user, path);
  HHOOKS_RUN_IF(request_point, &request, &session->slots); /* 5. where it happens */
}

int main(int argc, char** argv) {
  struct session ann, bob;
  int32_t helper_file = 0;
  int error;

  /* 4. register the point, and say which layout its context has */
  KHELP_EVENT_DECLARE(web_request);
  error = hhook_head_register(HHOOK_TYPE_WEB, HHOOK_WEB_REQUEST, &request_point, HHOOK_WAITOK);
  if (error == 0 && argc > 1)
    error = khelp_load(argv[1], NULL, &helper_file);
  if (error != 0) {
    fprintf(stderr, "server: %s\n", khelp_failure_text());
    return 1;
  }

  open_session(&ann, "ann");
  open_session(&bob, "bob");
  serve(&ann, "/", 500);
  serve(&bob, "/", 500);
  serve(&ann, "/picture", 90000);
  close_session(&ann);
  close_session(&bob);

  if (argc > 1)
    khelp_unload(helper_file, KHELP_UNLOAD_REFUSE, 0);
  return hhook_head_deregister(request_point) == 0 ? 0 : 1;
}
