/// Loading helper modules from files into the running process, and unloading them.
///
/// A file is copied once into sealed memory, its bytes are checked, its records are read; only then
/// is it mapped and its code run. Debuggers and backtraces name the file. Without /proc (a chroot) the
/// copy is a file in XDG_RUNTIME_DIR, /dev/shm or /tmp, whose name is removed at once.
///
/// A constructor or destructor of a library runs inside dlopen(3) or dlclose(3), which hold the dynamic
/// linker's lock. It may call all of this library that does not wait for another thread: register
/// points and helpers, list and check files, look up symbols, unload. A load is refused there
/// (EDEADLK) while another thread loads. A fork waits up to 2 s for constructors that a load or unload
/// runs in other threads; if one still runs then, the child loads and unmaps nothing (ENOTRECOVERABLE).
///
/// What cannot be unmapped safely stays mapped and is called a zombie: a file that is permanent by
/// its bytes (khelp_check_file()) always, others for as long as something holds their code.
#ifndef KHELP_LOADER_H
#define KHELP_LOADER_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/khelp.h>

KHELP_BEGIN_DECLS

#define KHELP_LOAD_DEBUG 0x1u /**< map the file by its path, so that profilers find it */
/// As kldload(2) has it: of a file with several modules, some may fail to start.
#define KHELP_LOAD_PARTIAL 0x2u

/// One parameter of a load.
struct khelp_load_param {
  const char* name;
  const char* value;
};

struct khelp_load_options {
  uint32_t size;           /**< sizeof(struct khelp_load_options), or an older version's */
  uint32_t flags;          /**< KHELP_LOAD_... */
  const char* module_path; /**< folders, ':' between; searched before the usual ones; or NULL */
  const struct khelp_load_param* params;
  uint32_t nparams;
  uint32_t most_zombies;        /**< see KHELP_MOST_ZOMBIES; 0: that many */
  const char* const* libraries; /**< names (DT_SONAME, "libz.so.1"; "libz.so.*" stands for all that
                                     begin so) of libraries that the files may bring in, beside those
                                     that the process has already */
  uint32_t nlibraries;
  uint32_t spare;
};

/// How many zombies of one module there may be: each load of a file that cannot be unmapped again
/// leaves one, and the next is refused (EBUSY), which khelp_check_load() tells, too. `most_zombies` is
/// another number for one load; UINT32_MAX: no limit.
#define KHELP_MOST_ZOMBIES 64

/// Load a module.
///
/// Shape    name: a module's name searched along the path (options, then KHELP_MODULE_PATH unless
///          the process is set-id, then the build's and the installed folder), or a file when it
///          contains '/' or ends in ".so". id: a number for this file, never reused. Dependencies
///          are loaded first: each is met by the loaded interface of the preferred version, else
///          of the highest one in its range, else by the first file NAME.so of the path that offers
///          such a version. Files of other names are not looked at.
///          A file that is linked with another module's (DT_NEEDED, DT_SONAME) must depend on that
///          module, and calls its functions. Else it may be linked with the C and C++ run-time, with
///          libraries that the process has already, and with those that the options allow; these are
///          looked for and brought in as by dlopen(3), and go when nobody needs them.
///          All modules of a file start, or the load fails. With KHELP_LOAD_PARTIAL the file stays
///          when at least one has started; the listing's `reason` tells of the others.
/// Context  any thread; loads take turns. From a module's own init: a dependency load. EDEADLK
///          inside a hook, or in a constructor that dlopen(3) runs while another thread loads. Waits while another thread finishes the unload of the same module.
/// Errors   ENOENT no such module, or something it needs is missing · EBUSY there are as many zombies
///          of it as may be · EEXIST loaded already, or
///          another file offers the same version of an interface · ENOEXEC the file is refused (all
///          reasons in khelp_failure_text(), one per line), or all its modules failed, each in its
///          own way · EINVAL a parameter is refused, or the name is empty · ESHUTDOWN the process
///          ends (exit(3)) · ENOTRECOVERABLE this child was forked while another thread was in the
///          dynamic linker · ENOMEM · EACCES, ENAMETOOLONG... as open(2) · EACCES also no place
///          for the copy · what the module's init returned. Nothing is left behind, but
///          for the code of a permanent file that has run: a zombie.
KHELP_API int khelp_load(const char* name, const struct khelp_load_options* options, int32_t* id);

/// Added to khelp_unload()'s `how`: what a module answers to the question whether it may go
/// (MOD_QUIESCE) does not count. What it answers to MOD_UNLOAD does.
#define KHELP_UNLOAD_FORCE 0x100
/// Added to `how`, as kldunload(2) has it: files that depend on this one are no refusal. It is given
/// up now, and goes with the last of them.
#define KHELP_UNLOAD_WHEN_FREE 0x200

/// Unload a module file: ask all its modules, the last one started first, then stop them in the
/// same order. If one objects, all go on as before; so also if one refuses to be stopped: those
/// that were stopped already are started again.
///
/// Shape    how: as khelp_helper_unregister(), and KHELP_UNLOAD_... flags. timeout_ns: as there.
///          Files that were loaded only because this one needs them go, too, if they can.
/// Context  from inside a hook it returns at once for REFUSE and REVOKE, and khelp_reap() finishes.
/// Errors   ENOENT · EBUSY files that depend on it, objects or runs hold it (khelp_failure_text()
///          lists them), or it is the program itself · what a module answered · ETIMEDOUT as there:
///          for REFUSE and WAIT the file is as it was; for REVOKE it is a zombie, and goes when the run
///          that khelp_failure_text() names has left ·
///          EALREADY it is on its way · EDEADLK · EINVAL an unknown how · ESHUTDOWN the process ends
///          (exit(3)): hooks of modules are off, and their code stays. 0: its hooks are
///          gone; whether the code is unmapped, khelp_modules() says (ZOMBIE if not, and `reason`
///          what holds it).
KHELP_API int khelp_unload(int32_t id, int how, int64_t timeout_ns);

/// The id of the file that provides a module, by the module's name; -1: none. The code that runs in
/// a file's load finds that file already.
KHELP_API int32_t khelp_module_find(const char* name);

enum khelp_module_state {
  KHELP_MODULE_LOADING = 1,
  KHELP_MODULE_LIVE = 2,
  KHELP_MODULE_DRAINING = 3,
  KHELP_MODULE_GOING = 4,
  KHELP_MODULE_DEAD = 5,  /**< unmapped; forgotten once listed, or at the next load */
  KHELP_MODULE_ZOMBIE = 6 /**< stopped for good, code still mapped; `reason` says why */
};

/// One module file.
struct khelp_module_info {
  uint32_t size;
  int32_t id;
  uint32_t state; /**< enum khelp_module_state */
  uint32_t version;
  uint32_t references; /**< who holds it: who loaded it, and each file that depends on it */
  uint32_t permanent;  /**< 1: is never unmapped once it is loaded */
  uint64_t base;       /**< where it is mapped; 0: not */
  uint64_t bytes;      /**< mapped size */
  const char* name;
  const char* file;
  const char* reason;       /**< of ZOMBIE and permanent; what is amiss; "" otherwise */
  int32_t helper;           /**< the helper's id; 0: none */
  uint32_t personality;     /**< enum khelp_modinfo_personality */
  uint32_t user_references; /**< of the references, loads by khelp_load(): 1 or 0 */
  uint32_t spare;
  const char* held_by; /**< names of the files that depend on it, ", " between; "" none */
};
/// Call fn for every module file in load order, no lock held; the program itself (linker.h) is not
/// among them. Errors: ENOMEM.
KHELP_API int khelp_modules(void (*fn)(void* arg, const struct khelp_module_info* info), void* arg);

/// Check a file without running any of its code, and describe it.
///
/// Shape    fn is called once for each line of the description (severity 0) and each problem
///          (severity 2: refused; 1: loadable but permanent: a load never unmaps it again, as its
///          functions may leave an address of it where nobody can look). The problems are those of
///          the plan that a load would make, the files that this one needs included. The description also
///          tells what speaks against a load in this process alone: modules that are loaded
///          already, or not found along the module path, symbols that nobody defines.
/// Errors   ENOENT, EACCES... as open(2) · ENOEXEC at least one severity 2 · ENOMEM.
KHELP_API int khelp_check_file(const char* file,
                               void (*fn)(void* arg, int severity, const char* line), void* arg);
/// The same for a load with these options; parameters are not looked at.
///
/// Errors   as khelp_check_file() · EINVAL the options.
KHELP_API int khelp_check_load(const char* file, const struct khelp_load_options* options,
                               void (*fn)(void* arg, int severity, const char* line), void* arg);

KHELP_END_DECLS

#endif
