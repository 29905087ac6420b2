/// What zones and types of memory have out: `khelp replay --mem`.
#pragma once

#include <string>

#include "app/cli/json_writer.hpp"
#include "snapshot/memory.hpp"

namespace khelp::app {

/// Two tables, as `vmstat -z` and `vmstat -m` have them.
std::string memory_text(const snapshot::memory_info& memory, bool colour);

/// {"types": [...], "zones": [...]}
void write_memory(json_writer& json, const snapshot::memory_info& memory);

}  // namespace khelp::app
