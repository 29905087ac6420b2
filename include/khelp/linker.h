/// Loaded files and their modules by number, as kldstat(8) walks them.
///
/// A file is what khelp_load() brought in for somebody, or for a file that needs it; file 1 is the
/// program itself. A file holds one or more modules. Files and modules have numbers of their own,
/// which count up and are never reused. khelp_modules() (loader.h) tells the same of all files at
/// once, with what went wrong. A file that is being loaded is there for the code that runs in its
/// load, and for nobody else.
#ifndef KHELP_LINKER_H
#define KHELP_LINKER_H

#include <stdint.h>

#include <khelp/export.h>
#include <khelp/loader.h>
#include <khelp/module.h>

KHELP_BEGIN_DECLS

#define KHELP_KLD_PROGRAM 1     /**< the number of the program itself */
#define KHELP_KLD_NAME_MAX 256  /**< the NUL included */
#define KHELP_KLD_PATH_MAX 4096 /**< the NUL included */

/// One file.
struct khelp_kld_info {
  uint32_t size; /**< sizeof(struct khelp_kld_info), set by the caller */
  int32_t id;
  uint32_t state;           /**< enum khelp_module_state */
  uint32_t references;      /**< who holds it: who loaded it, and each file that depends on it */
  uint32_t user_references; /**< of these, loads by khelp_load(): 1 or 0 */
  uint32_t spare;
  uint64_t base;                 /**< where it is mapped; 0: not */
  uint64_t bytes;                /**< mapped size */
  char name[KHELP_KLD_NAME_MAX]; /**< the file's name, without its folders */
  char path[KHELP_KLD_PATH_MAX];
  char remark[KHELP_KLD_NAME_MAX]; /**< "held by" and the names of dependants, when nobody else
                                        holds it; a zombie's reason; modules that did not start */
};

/// The file after another one in load order; 0: the first. *next is 0 after the last.
///
/// Errors   ENOENT no file has this id.
KHELP_API int khelp_kld_next(int32_t id, int32_t* next);
/// The file of a name: of the file, with or without folders and ending.
///
/// Errors   ENOENT.
KHELP_API int khelp_kld_find(const char* name, int32_t* id);
/// Errors   ENOENT no file has this id · EINVAL size.
KHELP_API int khelp_kld_stat(int32_t id, struct khelp_kld_info* info);
/// Where a file has a symbol that it exports, and how many bytes that has; id 0: the first file that
/// has it, the program and its libraries before all others. What is hidden, or local to the thread,
/// is not found.
///
/// Shape    size may be NULL. The address is good for as long as something holds the file.
/// Errors   ENOENT no file has this id, or no such symbol · EINVAL no name · ENOTRECOVERABLE (the program
///          and its libraries only) as khelp_load().
KHELP_API int khelp_kld_sym(int32_t id, const char* symbol, void** address, uint64_t* size);
/// The first module of a file, which is the one that started last; 0: it has none.
///
/// Errors   ENOENT no file has this id.
KHELP_API int khelp_kld_first_module(int32_t id, int32_t* module);

/// One module. Modules that did not start, or that have been stopped, have none any more.
struct khelp_mod_info {
  uint32_t size; /**< sizeof(struct khelp_mod_info), set by the caller */
  int32_t id;
  int32_t file;
  uint32_t references; /**< 1: its file */
  char name[KHELP_MODULE_NAME_MAX];
};

/// The module after another one in load order, of any file; 0: the first. *next is 0 after the
/// last.
///
/// Errors   ENOENT no module has this id.
KHELP_API int khelp_mod_next(int32_t id, int32_t* next);
/// The module of the same file that started before this one. *next is 0 after the last.
///
/// Errors   ENOENT no module has this id.
KHELP_API int khelp_mod_next_in_file(int32_t id, int32_t* next);
/// Errors   ENOENT no module of this name.
KHELP_API int khelp_mod_find(const char* name, int32_t* id);
/// Errors   ENOENT no module has this id · EINVAL size.
KHELP_API int khelp_mod_stat(int32_t id, struct khelp_mod_info* info);

KHELP_END_DECLS

#endif
