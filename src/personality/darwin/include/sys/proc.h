/// Processes (proc.h of the contract), and sleeping and waking (sleep.h).
#ifndef KHELP_DARWIN_SYS_PROC_H
#define KHELP_DARWIN_SYS_PROC_H

#include <kern/locks.h>
#include <sys/kernel_types.h>
#include <sys/param.h>
#include <time.h>
#include <unistd.h>

#include <khelp/proc.h>
#include <khelp/sleep.h>

/* Opaque, as it is to kernel extensions. */
struct proc;

/// This process, with a reference; NULL: it is ending. The others take NULL (khelp/proc.h).
static inline proc_t proc_self(void) {
  return (proc_t)khelp_proc_self();
}
/// NULL: there is none with this number.
static inline proc_t proc_find(int pid) {
  return (proc_t)khelp_proc_find(pid);
}
static inline int proc_rele(proc_t proc) {
  return khelp_proc_rele((struct khelp_proc*)proc);
}

static inline int proc_exiting(proc_t proc) {
  return khelp_proc_exiting((struct khelp_proc*)proc);
}
static inline int proc_is64bit(proc_t proc) {
  return khelp_proc_is64bit((struct khelp_proc*)proc);
}
/// 0 for the super-user, else EPERM (D-2: the reference only says that it checks).
static inline int proc_suser(proc_t proc) {
  return khelp_proc_suser((struct khelp_proc*)proc);
}

static inline int proc_pid(proc_t proc) {
  return khelp_proc_pid((struct khelp_proc*)proc);
}
static inline int proc_ppid(proc_t proc) {
  return khelp_proc_ppid((struct khelp_proc*)proc);
}
static inline int proc_selfpid(void) {
  return getpid();
}
static inline int proc_selfppid(void) {
  return getppid();
}
/// The command's name, cut to fit.
static inline void proc_name(int pid, char* name, int size) {
  proc_t proc = proc_find(pid);
  if (proc == NULL)
    return;
  khelp_proc_name((struct khelp_proc*)proc, name, (size_t)size);
  proc_rele(proc);
}
static inline void proc_selfname(char* name, int size) {
  proc_name(getpid(), name, size);
}

/// Sleep on a channel without the mutex. A mutex that this thread does not hold is a panic.
static inline int msleep(void* chan, lck_mtx_t* mutex, int pri, const char* wmesg,
                         struct timespec* ts) {
  const int answer = khelp_msleep(chan, mutex, pri, wmesg, ts);
  if (answer == EPERM)
    panic("msleep: this thread does not hold %p", (void*)mutex);
  return answer;
}
static inline void wakeup(void* chan) {
  (void)khelp_wakeup(chan);
}
/* Any pointer: the kernel's takes a caddr_t, its reference shows a void *. */
static inline void wakeup_one(void* chan) {
  (void)khelp_wakeup_one(chan);
}

#endif
