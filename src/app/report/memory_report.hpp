/// What zones and types of memory have out: `khelp replay --mem`.
#pragma once

#include <string>

#include "app/cli/json_writer.hpp"
#include "app/report/report.hpp"

namespace khelp::app {

/// As it is now. Throws std::bad_alloc.
memory_report read_memory();

/// Two tables, as `vmstat -z` and `vmstat -m` have them.
std::string memory_text(const memory_report& memory, bool colour);

/// {"types": [...], "zones": [...]}
void write_memory(json_writer& json, const memory_report& memory);

}  // namespace khelp::app
