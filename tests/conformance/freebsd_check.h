/// The least a C test needs. The personality is C, so its tests cannot be gtest's.
#ifndef KHELP_TESTS_FREEBSD_CHECK_H
#define KHELP_TESTS_FREEBSD_CHECK_H

#include <stdio.h>

static int failed_checks;

#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      failed_checks++;                                                                      \
      fprintf(stderr, "%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__, #condition); \
    }                                                                                       \
  } while (0)

/// Run a test, whose name is a sentence.
#define TEST(sentence)                                                                    \
  do {                                                                                    \
    int before = failed_checks;                                                           \
    sentence();                                                                           \
    fprintf(stderr, "%s %s\n", failed_checks == before ? "ok    " : "FAILED", #sentence); \
  } while (0)

#define TESTS_END() (failed_checks == 0 ? 0 : 1)

#endif
