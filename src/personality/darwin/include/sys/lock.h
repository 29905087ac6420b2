/// Mutexes, by the name under which older sources include them.
#ifndef KHELP_DARWIN_SYS_LOCK_H
#define KHELP_DARWIN_SYS_LOCK_H

#include <kern/locks.h>
#include <sys/types.h>

#endif
