// What a load would do, settled before anything is mapped: which files, in which order, and every
// reason against it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <khelp/loader.h>
#include <khelp/result.hpp>

#include "host/file_copy.hpp"
#include "host/module_file.hpp"
#include "host/module_path.hpp"

namespace khelp {

/// What the host lets a load use.
struct load_policy {
  module_path folders;                              // where the files that it needs are looked for
  std::vector<std::string> libraries;               // that may be brought in: stands_for()
  std::uint32_t most_zombies = KHELP_MOST_ZOMBIES;  // of one module
};

struct planned_file {
  std::string path;
  file_bytes bytes;
  module_file contents;
  std::vector<std::int32_t> needs_present;  // ids
  std::vector<std::size_t> needs_planned;   // places in the plan, all before its own
  std::vector<std::string> brings_in;       // libraries that are not mapped yet
};

/// What speaks against a load.
struct plan_problem {
  int code;
  std::string path;  // whose problem it is
  std::string words;
  bool only_here = false;  // it is this process's: what is loaded, and what is found along its path
};

struct load_plan {
  std::vector<planned_file> files;     // dependencies first, the file itself last
  std::vector<plan_problem> problems;  // none: it can be tried
  std::int32_t blocker = 0;  // an ending file that speaks against it: its end may be waited for

  /// All problems, one per line, under the gravest code: ENOEXEC a file is refused · EEXIST only
  /// that something of it is there already · else why a dependency is missing.
  failure refusal() const;
};

/// Plan the load of a file and of what it depends on, as the table of files (files.hpp) and the process
/// are now.
///
/// Errors   ENOMEM · as open(2) for the file itself. All else are the plan's problems.
result<load_plan> plan_load(const std::string& path, const load_policy& policy);

}  // namespace khelp
