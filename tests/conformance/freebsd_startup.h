/// What the module of the start-up test calls in its program.
#ifndef KHELP_TESTS_FREEBSD_STARTUP_H
#define KHELP_TESTS_FREEBSD_STARTUP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void startup_note(const char* words);
void startup_instance(const char* what, uint64_t serial, int limit, int begun);
void startup_throw(void);

#ifdef __cplusplus
}
#endif

#endif
