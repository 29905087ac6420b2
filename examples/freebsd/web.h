/// What the server exports: one hook point, run at the end of each request. Helpers include this.
#ifndef EXAMPLE_WEB_H
#define EXAMPLE_WEB_H

#include <sys/hhook.h>
#include <sys/khelp.h>

#include <khelp/module.h>

#define HHOOK_TYPE_WEB (HHOOK_TYPE_APP + 1)
#define HHOOK_WEB_REQUEST 0
#define HELPER_CLASS_WEB HELPER_CLASS_APP /* sessions carry helpers' data */

/// The point's ctx_data.
struct web_request {
  const char* path;
  uint32_t bytes;
};
#define WEB_REQUEST_FIELDS path, bytes
/* Helpers carry the layout they were compiled for; the loader refuses another one. */
KHELP_EVENT_RECORD(web_request, struct web_request, WEB_REQUEST_FIELDS);

#endif
