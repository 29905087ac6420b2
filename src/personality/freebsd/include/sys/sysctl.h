/// sysctl(9), so that modules which declare variables compile. There is no tree here: nobody can read
/// or set them from outside. Each one that a module declares is told when the module is loaded.
#ifndef KHELP_FREEBSD_SYS_SYSCTL_H
#define KHELP_FREEBSD_SYS_SYSCTL_H

#include <stdint.h>
#include <string.h>
#include <sys/kernel.h>
#include <sys/systm.h>

struct sysctl_oid;

/// One request: what the caller gets, and what it sets (NULL: it only reads).
struct sysctl_req {
  void* oldptr;
  size_t oldlen;
  size_t oldidx; /**< bytes given so far */
  const void* newptr;
  size_t newlen;
  size_t newidx; /**< bytes taken so far */
};

#define SYSCTL_HANDLER_ARGS \
  struct sysctl_oid *oidp, void *arg1, intmax_t arg2, struct sysctl_req *req

#define OID_AUTO (-1)

#define CTLTYPE 0xf
#define CTLTYPE_NODE 1
#define CTLTYPE_INT 2
#define CTLTYPE_STRING 3
#define CTLTYPE_S64 4
#define CTLTYPE_OPAQUE 5
#define CTLTYPE_STRUCT CTLTYPE_OPAQUE
#define CTLTYPE_UINT 6
#define CTLTYPE_LONG 7
#define CTLTYPE_ULONG 8
#define CTLTYPE_U64 9

#define CTLFLAG_RD 0x80000000u
#define CTLFLAG_WR 0x40000000u
#define CTLFLAG_RW (CTLFLAG_RD | CTLFLAG_WR)
#define CTLFLAG_MPSAFE 0x00040000u
#define CTLFLAG_VNET 0x00020000u
#define CTLFLAG_TUN 0x00080000u
#define CTLFLAG_RDTUN (CTLFLAG_RD | CTLFLAG_TUN)
#define CTLFLAG_RWTUN (CTLFLAG_RW | CTLFLAG_TUN)
#define CTLFLAG_NOFETCH 0x00000800u
#define CTLFLAG_NEEDGIANT 0x00000800u

/* ---- handlers ---- */

/// ENOMEM: it does not fit where the caller wants it.
static inline int khelp_sysctl_out(struct sysctl_req* req, const void* from, size_t size) {
  if (req->oldptr != NULL) {
    if (size > req->oldlen - req->oldidx)
      return ENOMEM;
    memcpy((char*)req->oldptr + req->oldidx, from, size);
  }
  req->oldidx += size;
  return 0;
}
/// EINVAL: the caller has given less.
static inline int khelp_sysctl_in(struct sysctl_req* req, void* to, size_t size) {
  if (req->newptr == NULL)
    return 0;
  if (size > req->newlen - req->newidx)
    return EINVAL;
  memcpy(to, (const char*)req->newptr + req->newidx, size);
  req->newidx += size;
  return 0;
}
#define SYSCTL_OUT(req, from, size) khelp_sysctl_out(req, from, size)
#define SYSCTL_IN(req, to, size) khelp_sysctl_in(req, to, size)

/* arg1: the variable; NULL: the constant arg2, which nobody sets. */
#define KHELP_SYSCTL_HANDLER(name_, type_)                              \
  static inline int name_(SYSCTL_HANDLER_ARGS) {                        \
    const type_ now = arg1 != NULL ? *(const type_*)arg1 : (type_)arg2; \
    const int error = SYSCTL_OUT(req, &now, sizeof now);                \
    (void)oidp;                                                         \
    if (error != 0 || req->newptr == NULL)                              \
      return error;                                                     \
    return arg1 == NULL ? EPERM : SYSCTL_IN(req, arg1, sizeof now);     \
  }
KHELP_SYSCTL_HANDLER(sysctl_handle_int, int)
KHELP_SYSCTL_HANDLER(sysctl_handle_long, long)
KHELP_SYSCTL_HANDLER(sysctl_handle_64, int64_t)
#undef KHELP_SYSCTL_HANDLER

/* ---- declarations ---- */

struct khelp_sysctl {
  const char* parent; /**< "_net_inet_tcp" */
  const char* name;
  const void* variable;
  int (*handler)(SYSCTL_HANDLER_ARGS);
};

static inline void khelp_sysctl_tell(const void* arg) {
  const struct khelp_sysctl* oid = (const struct khelp_sysctl*)arg;
  char path[128];
  size_t end = 0;
  for (const char* from = oid->parent + 1; *from != '\0' && end + 1 < sizeof path; from++)
    path[end++] = *from == '_' ? '.' : *from;
  path[end] = '\0';
  printf("sysctl %s.%s keeps its first value: there is no sysctl tree here\n", path, oid->name);
}

#define KHELP_SYSCTL_RECORD(parent_, name_, variable_, handler_)                                 \
  static const struct khelp_sysctl khelp_sysctl_##parent_##_##name_ = {#parent_, #name_,         \
                                                                       (variable_), (handler_)}; \
  C_SYSINIT(khelp_sysctl_##parent_##_##name_, SI_SUB_LAST, SI_ORDER_ANY, khelp_sysctl_tell,      \
            &khelp_sysctl_##parent_##_##name_)

#define SYSCTL_DECL(name) struct khelp_sysctl_declared
#define SYSCTL_NODE(parent, number, name, access, handler, words) struct khelp_sysctl_declared
#define SYSCTL_PROC(parent, number, name, access, pointer, argument, handler, format, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, handler)
#define SYSCTL_STRING(parent, number, name, access, pointer, length, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, NULL)
#define SYSCTL_INT(parent, number, name, access, pointer, value, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, NULL)
#define SYSCTL_UINT(parent, number, name, access, pointer, value, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, NULL)
#define SYSCTL_LONG(parent, number, name, access, pointer, value, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, NULL)
#define SYSCTL_ULONG(parent, number, name, access, pointer, value, words) \
  KHELP_SYSCTL_RECORD(parent, name, pointer, NULL)

#endif
