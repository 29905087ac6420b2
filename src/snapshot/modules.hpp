/// The module files of this process, as plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <khelp/loader.h>

namespace khelp::snapshot {

/// One module file: what khelp_module_info says of it.
struct module_info {
  std::int32_t id = 0;
  std::string name;
  std::string file;
  std::uint32_t version = 0;
  std::uint32_t state = 0;  ///< enum khelp_module_state
  std::uint32_t references = 0;
  std::uint32_t user_references = 0;
  bool permanent = false;
  std::uint64_t base = 0;   ///< where it is mapped; 0: not
  std::uint64_t bytes = 0;  ///< mapped size
  std::string reason;       ///< of a zombie, a permanent file, a load that failed in part
  std::string held_by;      ///< names of the files that depend on it
  std::int32_t helper = 0;  ///< the helper's id; 0: none
  std::uint32_t personality = 0;
};

/// In load order. A file that is unmapped is told once, and then forgotten.
///
/// Errors   throws std::bad_alloc.
std::vector<module_info> read_modules();

}  // namespace khelp::snapshot
