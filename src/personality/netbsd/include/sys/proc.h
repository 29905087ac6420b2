/// What hooks are told of a process: its number. Nothing else of NetBSD's struct is here, so that a
/// hook that needs more fails to compile instead of reading what is not true.
#ifndef KHELP_NETBSD_SYS_PROC_H
#define KHELP_NETBSD_SYS_PROC_H

#include <sys/types.h>

struct proc {
  pid_t p_pid;
};

#endif
