// What a load would do, settled before anything is mapped: which files, in which order, and every
// reason against it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <khelp/result.hpp>

#include "host/module_file.hpp"

namespace khelp {

/// A file that is in the process now, as far as a plan must know.
struct present_file {
  std::int32_t id;
  bool usable;  // LIVE: others may depend on it
  bool ending;  // another thread is about to take it away
  std::vector<std::string> modules;
  std::vector<offered_interface> offers;
};

struct planned_file {
  std::string path;
  std::vector<std::byte> bytes;
  module_file contents;
  std::vector<std::int32_t> needs_present;  // ids
  std::vector<std::size_t> needs_planned;   // places in the plan, all before its own
};

/// Plan the load of a file and of what it depends on: dependencies first, the file itself last.
///
/// Shape    path_first: folders searched before the usual ones. hindrance: with a failure, the id
///          of an ending file that speaks against the load; its end may be waited for.
/// Errors   ENOEXEC a file is refused · EEXIST only that something of it is there already · ENOENT
///          only that a dependency is missing · as open(2). The words list every problem, one per
///          line.
result<std::vector<planned_file>> plan_load(const std::string& path,
                                            const std::vector<present_file>& present,
                                            std::string_view path_first, std::int32_t& hindrance);

/// The layouts that a file was compiled against and this process knows otherwise, in words.
std::vector<std::string> layout_problems(const module_file& file);

}  // namespace khelp
