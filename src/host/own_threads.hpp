// The threads of this process that a module has started, told from where they started.
//
// glibc has a thread's first function and its argument in its thread structure, and describes the
// structure to debuggers (the _thread_db_ objects that libthread_db reads). The kernel knows where
// the structure of each thread lies, by its list of robust mutexes. So nobody's calls are intercepted,
// and nothing is assumed that is not looked at first.
#pragma once

#include <string>
#include <vector>

#include "core/process/leftovers.hpp"
#include "elf/reader.hpp"

namespace khelp {

/// Whether they can be told here: this C library, unless another library stands before its
/// pthread_create (sanitizers do), with /proc.
bool own_threads_are_known() noexcept;

/// Whether a file may be unmapped again, as check tells and as load and unload hold.
struct unmapping {
  std::vector<std::string> never;  // why it is permanent; empty: it is not
  std::vector<std::string> later;  // what may keep it for some time
  bool look_for_threads = false;   // of its own, after the unload
};
unmapping judge_unmapping(const elf_summary& file);

/// Those that still run, in words; "": none. A thread counts that began in the module's code, or with
/// an argument that leads there (a std::thread's state). One whose start cannot be known is named,
/// too.
std::string threads_of(const module_range& module);

}  // namespace khelp
