/// What the module of freebsd_every_identifier.c keeps on each end of a connection, for its test.
#ifndef KHELP_TESTS_FREEBSD_EVERY_IDENTIFIER_H
#define KHELP_TESTS_FREEBSD_EVERY_IDENTIFIER_H

#include <stdint.h>

struct every_report {
  uint32_t was_zeroed;   /* 1: ctor found nothing but zeros */
  uint32_t sent;         /* segments with data */
  uint32_t bytes;        /* their data */
  uint32_t acknowledged; /* segments taken off the queue */
  uint32_t waiting;      /* segments on the queue */
  uint32_t stale;        /* acknowledgements that echo an older timestamp */
  int32_t rtt;           /* of the latest acknowledged segment, ms + 1 */
  uint32_t window;       /* snd_cwnd at that time */
};

/// Segments that any instance of the module has on its queues; what mod_destroy must find at 0.
#define EVERY_ZONE "every_sent"

#endif
