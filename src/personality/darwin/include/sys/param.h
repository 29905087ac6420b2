/// Types, errno values, and what msleep's `pri` is made of.
#pragma GCC system_header
#include_next <sys/param.h>

#ifndef KHELP_DARWIN_SYS_PARAM_H
#define KHELP_DARWIN_SYS_PARAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/errno.h>
#include <sys/types.h>

#include <khelp/sleep.h>

/* Priorities are recorded and change nothing, there as here. */
#define PSWP 0
#define PVM 4
#define PINOD 8
#define PRIBIO 16
#define PVFS 20
#define PZERO 22
#define PSOCK 24
#define PWAIT 32
#define PLOCK 36
#define PPAUSE 40
#define PUSER 50
#define MAXPRI 127

#define PRIMASK KHELP_SLEEP_PRIMASK
#define PCATCH KHELP_SLEEP_PCATCH
#define PTTYBLOCK 0x200 /**< nothing here */
#define PDROP KHELP_SLEEP_PDROP
#define PSPIN KHELP_SLEEP_PSPIN

#endif
