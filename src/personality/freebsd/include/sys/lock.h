/// What locks of all kinds have in common: their name.
#ifndef KHELP_FREEBSD_SYS_LOCK_H
#define KHELP_FREEBSD_SYS_LOCK_H

#include <sys/param.h>

struct lock_object {
  const char* lo_name;
};

/* What rw_assert() asks. */
#define LA_UNLOCKED 0x0
#define LA_LOCKED 0x1
#define LA_SLOCKED 0x2
#define LA_XLOCKED 0x4

#endif
