/// How the module of freebsd_plain_module.c talks to its test: it runs this point at each event.
#ifndef KHELP_TESTS_FREEBSD_PLAIN_MODULE_H
#define KHELP_TESTS_FREEBSD_PLAIN_MODULE_H

#define PLAIN_POINT_TYPE 0x1777
#define PLAIN_POINT_ID 1
#define PLAIN_ARGUMENT 4711

struct plain_event {
  int event;
  int argument; /* what the handler found behind its `arg` */
  int answer;   /* what it returns; the test sets it */
};

#endif
