// Unloading module files, and finishing what could not be finished at once.
#pragma once

#include <cstdint>
#include <vector>

#include <khelp/loader.h>
#include <khelp/result.hpp>

#include "host/files.hpp"

namespace khelp {

/// How to unload: what happens to objects (KHELP_UNLOAD_REFUSE, ...), and the flags beside that.
struct unload_request {
  int how = KHELP_UNLOAD_REFUSE;
  bool force = false;      // answers to the question whether it may go do not count
  bool when_free = false;  // files that need it are no refusal: it goes with the last of them
  std::int64_t timeout_ns = KHELP_TIMEOUT_DEFAULT;
};

/// Errors   as khelp_unload().
result<void> unload(std::int32_t id, const unload_request& request);

/// Undo a load, wherever it stopped, the last file first. What a module's init has loaded on top of a
/// file meanwhile stays, and so does the file.
void undo_load(std::vector<file_ref>& files);

/// Finish what could not be finished at once. Returns how many files still wait.
unsigned reap_files();

}  // namespace khelp
