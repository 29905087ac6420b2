/// Loading helper modules from files into the running process, and unloading them.
///
/// A file is copied once into sealed memory, its bytes are checked, its records are read; only then
/// is it mapped and its code run. What cannot be unmapped safely stays mapped and is called a
/// zombie.
#ifndef KHELP_LOADER_H
#define KHELP_LOADER_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/khelp.h>

KHELP_BEGIN_DECLS

#define KHELP_LOAD_DEBUG \
  0x1u /**< map the file by its path, so that debuggers and profilers find it */

/// One parameter of a load.
struct khelp_load_param {
  const char* name;
  const char* value;
};

struct khelp_load_options {
  uint32_t size;           /**< sizeof(struct khelp_load_options) */
  uint32_t flags;          /**< KHELP_LOAD_... */
  const char* module_path; /**< folders, ':' between; searched before the usual ones; or NULL */
  const struct khelp_load_param* params;
  uint32_t nparams;
  uint32_t spare;
};

/// Load a module.
///
/// Shape    name: a module's name searched along the path (options, then KHELP_MODULE_PATH unless
///          the process is set-id, then the build's and the installed folder), or a file when it
///          contains '/' or ends in ".so". id: a number for this file, never reused. Dependencies
///          are loaded first.
/// Context  any thread; loads take turns. From a module's own init: a dependency load. EDEADLK
///          inside a hook.
/// Errors   ENOENT no such module · EEXIST loaded already · ENOEXEC the file is refused (all
///          reasons in khelp_failure_text(), one per line) · EINVAL a parameter is refused · ENOMEM
///          · EACCES · what the module's init returned. Nothing is left behind.
KHELP_API int khelp_load(const char* name, const struct khelp_load_options* options, int32_t* id);

/// Unload a module file: ask all its modules, then commit (two phases).
///
/// Shape    how, timeout_ns: as khelp_helper_unregister().
/// Context  from inside a hook it returns at once for REFUSE and REVOKE, and khelp_reap() finishes.
/// Errors   ENOENT · EBUSY objects, dependants or runs hold it (khelp_failure_text() lists them) ·
///          ETIMEDOUT · EDEADLK. 0: its hooks are gone; whether the code is unmapped,
///          khelp_modules() says (ZOMBIE if not).
KHELP_API int khelp_unload(int32_t id, int how, int64_t timeout_ns);

/// The id of the file that provides a module, by the module's name; -1: none.
KHELP_API int32_t khelp_module_find(const char* name);

enum khelp_module_state {
  KHELP_MODULE_LOADING = 1,
  KHELP_MODULE_LIVE = 2,
  KHELP_MODULE_DRAINING = 3,
  KHELP_MODULE_GOING = 4,
  KHELP_MODULE_DEAD = 5,  /**< unmapped; listed once more, then forgotten */
  KHELP_MODULE_ZOMBIE = 6 /**< stopped for good, code still mapped; `reason` says why */
};

/// One module file.
struct khelp_module_info {
  uint32_t size;
  int32_t id;
  uint32_t state; /**< enum khelp_module_state */
  uint32_t version;
  uint32_t references; /**< 1 + modules that depend on it */
  uint32_t permanent;  /**< 1: cannot be unmapped once loaded */
  uint64_t base;       /**< where it is mapped; 0: not */
  uint64_t bytes;      /**< mapped size */
  const char* name;
  const char* file;
  const char* reason;   /**< of ZOMBIE and permanent; "" otherwise */
  int32_t helper;       /**< the helper's id; 0: none */
  uint32_t personality; /**< enum khelp_modinfo_personality */
};
/// Call fn for every module file in load order, no lock held. Errors: ENOMEM.
KHELP_API int khelp_modules(void (*fn)(void* arg, const struct khelp_module_info* info), void* arg);

/// Check a file without running any of its code, and describe it.
///
/// Shape    fn is called once for each line of the description (severity 0) and each problem
///          (severity 2: refused; 1: loadable but permanent).
/// Errors   ENOENT, EACCES... as open(2) · ENOEXEC at least one severity 2 · ENOMEM.
KHELP_API int khelp_check_file(const char* file,
                               void (*fn)(void* arg, int severity, const char* line), void* arg);

KHELP_END_DECLS

#endif
