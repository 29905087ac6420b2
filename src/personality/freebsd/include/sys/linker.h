/// kldload(2) and its relatives, for programs: load module files, walk what is loaded, unload.
///
/// They answer -1 and set errno, as system calls do; khelp_failure_text() has the words.
#ifndef KHELP_FREEBSD_SYS_LINKER_H
#define KHELP_FREEBSD_SYS_LINKER_H

#include <errno.h>
#include <khelp_names.h>
#include <stddef.h>
#include <string.h>
#include <sys/param.h>

#include <khelp/linker.h>
#include <khelp/loader.h>

#define LINKER_UNLOAD_NORMAL 0
#define LINKER_UNLOAD_FORCE 1 /**< a module's objection to MOD_QUIESCE does not count */
#define LINKER_UNLOAD_STRICT \
  0x100 /**< libkhelp's: EBUSY while other files depend on the file (M-6) */

#define KLDSYM_LOOKUP 1

struct kld_sym_lookup {
  int version;            /**< sizeof(struct kld_sym_lookup), set by the caller */
  char* symname;          /**< what is looked for */
  unsigned long symvalue; /**< its address */
  size_t symsize;
};

struct kld_file_stat {
  int version; /**< sizeof(struct kld_file_stat), set by the caller */
  char name[MAXPATHLEN];
  int refs;
  int id;
  char* address; /**< a caddr_t */
  size_t size;
  char pathname[MAXPATHLEN];
};
_Static_assert(MAXPATHLEN >= KHELP_KLD_PATH_MAX, "a path fits");

/// Load a file, or the module of a name. Returns the file's id.
///
/// Of a file with several modules some may fail; the listing and the log say which (M-2). If all
/// fail, the error is their own (M-3); ENOEXEC if they differ.
static inline int kldload(const char* file) {
  struct khelp_load_options options = {0};
  int32_t id = 0;
  options.size = sizeof options;
  options.flags = KHELP_LOAD_PARTIAL;
  errno = khelp_load(file, &options, &id);
  return errno != 0 ? -1 : id;
}

/// Give a file up. If others depend on it, it goes with the last of them.
static inline int kldunloadf(int fileid, int flags) {
  const int force = (flags & LINKER_UNLOAD_FORCE) != 0 ? KHELP_UNLOAD_FORCE : 0;
  const int strict = (flags & LINKER_UNLOAD_STRICT) != 0 ? 0 : KHELP_UNLOAD_WHEN_FREE;
  if ((flags & ~(LINKER_UNLOAD_FORCE | LINKER_UNLOAD_STRICT)) != 0)
    errno = EINVAL;
  else
    errno = khelp_unload(fileid, KHELP_UNLOAD_REFUSE | force | strict, KHELP_TIMEOUT_DEFAULT);
  return errno != 0 ? -1 : 0;
}

static inline int kldunload(int fileid) {
  return kldunloadf(fileid, LINKER_UNLOAD_NORMAL);
}

/// The id of the file of this name.
static inline int kldfind(const char* file) {
  int32_t id = 0;
  errno = khelp_kld_find(file, &id);
  return errno != 0 ? -1 : id;
}

/// The file after this one in load order; 0 begins, with the program itself, and ends.
static inline int kldnext(int fileid) {
  int32_t next = 0;
  errno = khelp_kld_next(fileid, &next);
  return errno != 0 ? -1 : next;
}

/// The module of the file that was loaded last; 0: it has none.
static inline int kldfirstmod(int fileid) {
  int32_t module = 0;
  errno = khelp_kld_first_module(fileid, &module);
  return errno != 0 ? -1 : module;
}

/// Look a symbol up in a file, or with 0 in all of them, the program first. What a file exports is
/// found: hidden and static functions are not.
static inline int kldsym(int fileid, int command, void* data) {
  struct kld_sym_lookup* lookup = data;
  void* address = NULL;
  uint64_t size = 0;
  if (command != KLDSYM_LOOKUP || lookup->version != (int)sizeof *lookup) {
    errno = EINVAL;
    return -1;
  }
  errno = khelp_kld_sym(fileid, lookup->symname, &address, &size);
  if (errno != 0)
    return -1;
  lookup->symvalue = (unsigned long)(uintptr_t)address;
  lookup->symsize = size;
  return 0;
}

static inline int kldstat(int fileid, struct kld_file_stat* stat) {
  struct khelp_kld_info info;
  const int without_pathname = (int)offsetof(struct kld_file_stat, pathname);
  if (stat->version != (int)sizeof *stat && stat->version != without_pathname) {
    errno = EINVAL;
    return -1;
  }
  info.size = sizeof info;
  errno = khelp_kld_stat(fileid, &info);
  if (errno != 0)
    return -1;
  memcpy(stat->name, info.name, sizeof info.name);
  stat->refs = (int)info.references;
  stat->id = info.id;
  stat->address = (char*)(uintptr_t)info.base;
  stat->size = info.bytes;
  if (stat->version == (int)sizeof *stat)
    memcpy(stat->pathname, info.path, sizeof info.path);
  return 0;
}

#endif
