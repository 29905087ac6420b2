/// Processes: this one, and others by their number.
///
/// There is one object per process and it counts its references; each call that gives one out adds
/// a reference, which khelp_proc_rele() takes back. Every function takes NULL, which khelp_proc_self()
/// answers in exit handlers, and says what it answers then.
#ifndef KHELP_PROC_H
#define KHELP_PROC_H

#include <stddef.h>
#include <stdint.h>

#include <khelp/export.h>

KHELP_BEGIN_DECLS

struct khelp_proc;

/// This process. NULL: its exit handlers are running.
///
/// Source   Darwin proc_self().
KHELP_API struct khelp_proc* khelp_proc_self(void) KHELP_NOTHROW;
/// The process with this number (its own included). What it is, is read from procfs whenever it is
/// asked for; a number that went to another process since is not mistaken for it.
///
/// Errors   NULL: there is none, or no memory (khelp_failure_text()).
/// Source   Darwin proc_find().
KHELP_API struct khelp_proc* khelp_proc_find(int pid);
/// Give a reference back; NULL is a no-op. 0.
KHELP_API int khelp_proc_rele(struct khelp_proc* proc);

/// 1: it is ending or has ended; 0: not, or NULL. This process is ending once exit handlers run that
/// were registered before the first call of any function here, or, at the latest, the library's own.
KHELP_API int khelp_proc_exiting(const struct khelp_proc* proc);
/// 1: its program has 64-bit addresses. One whose program may not be read is taken to be as this; NULL
/// too.
KHELP_API int khelp_proc_is64bit(const struct khelp_proc* proc);
/// Whether it is the super-user: 0 if so (effective user 0, or CAP_SYS_ADMIN), else EPERM (D-2), also
/// for NULL. A 0 marks the process as having used its privilege.
KHELP_API int khelp_proc_suser(struct khelp_proc* proc);
/// 1: khelp_proc_suser() has said 0 for it; 0: not, or NULL.
KHELP_API int khelp_proc_used_privilege(const struct khelp_proc* proc) KHELP_NOTHROW;

/// Its number; -1: NULL.
KHELP_API int khelp_proc_pid(const struct khelp_proc* proc) KHELP_NOTHROW;
/// Its parent's number; 0 when it has ended; -1: NULL.
KHELP_API int khelp_proc_ppid(const struct khelp_proc* proc);
/// Its command's name, cut to fit; "" when it has ended, or for NULL.
KHELP_API void khelp_proc_name(const struct khelp_proc* proc, char* name, size_t size);

KHELP_END_DECLS

#endif
