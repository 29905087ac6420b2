/// What kernel files include for printf, panic, msleep and wakeup.
#ifndef KHELP_DARWIN_SYS_SYSTM_H
#define KHELP_DARWIN_SYS_SYSTM_H

#include <kern/debug.h>
#include <libkern/libkern.h>
#include <sys/param.h>
#include <sys/proc.h>

#endif
