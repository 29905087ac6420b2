/// Interrupt priority levels: names that mutexes and hook lists are made with. A process has no
/// interrupts, so they mean nothing here.
#ifndef KHELP_NETBSD_SYS_INTR_H
#define KHELP_NETBSD_SYS_INTR_H

#define IPL_NONE 0
#define IPL_SOFTCLOCK 1
#define IPL_SOFTBIO 2
#define IPL_SOFTNET 3
#define IPL_SOFTSERIAL 4
#define IPL_VM 5
#define IPL_SCHED 6
#define IPL_HIGH 7

#endif
