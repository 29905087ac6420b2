/// What --explain and --mem show of the process.
#pragma once

#include "app/cli/output.hpp"
#include "app/report/options.hpp"
#include "snapshot/memory.hpp"

namespace khelp::app {

/// The hooks of each point in running order. Where standard output carries a document, they go to
/// standard error.
void show_hook_order(report_form form, output& standard);

/// Zones and types of memory as they are now, for the report. Rows of CSV have no place for them:
/// they go to standard error.
snapshot::memory_info look_at_memory(report_form form);

}  // namespace khelp::app
