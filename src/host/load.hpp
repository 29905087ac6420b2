// Loading a module file, with what it depends on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <khelp/loader.h>
#include <khelp/result.hpp>

#include "host/file_modules.hpp"
#include "host/load_plan.hpp"

namespace khelp {

struct load_request {
  std::string name;
  std::string path_first;
  load_parameters parameters;
  std::vector<std::string> libraries = {};  // that may be brought in
  bool by_path = false;                     // map the file itself, not a sealed copy
  bool partial = false;                     // a file stays when some of its modules have started
  std::uint32_t most_zombies = KHELP_MOST_ZOMBIES;  // of one module
};

/// The id of the file.
///
/// Errors   as khelp_load().
result<std::int32_t> load(const load_request& request);

/// What a load of the file at the path `request.name` would do, as things are now.
result<load_plan> plan_of(const load_request& request);

}  // namespace khelp
