/* An event type with a field of each kind, compiled as C and as C++ for the test beside it. */
#ifndef EVERY_KIND_H
#define EVERY_KIND_H

#include <stdbool.h>
#include <stdint.h>

#include <khelp/module.h>

struct pair {
  int first, second;
};
enum colour { red, green };

struct every_kind {
  char letter;
  short number;
  unsigned long count;
  float share;
  double mean;
  bool yes;
  char name[24];
  uint8_t address[16];
  uint32_t two_words[2]; /* as long as a pointer */
  const char* text;
  void (*call)(int);
  struct pair both;
  enum colour hue;
  const int limit;
};
#define EVERY_KIND_FIELDS                                                              \
  letter, number, count, share, mean, yes, name, address, two_words, text, call, both, \
      both.second, hue, limit

KHELP_EVENT_RECORD(every_kind, struct every_kind, EVERY_KIND_FIELDS);

KHELP_BEGIN_DECLS
const struct khelp_modinfo_fields* every_kind_in_c(void);
KHELP_END_DECLS

#endif
