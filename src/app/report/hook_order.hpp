/// In which order hooks run, and why: `khelp replay --explain`.
#pragma once

#include <string>
#include <vector>

#include "snapshot/hooks.hpp"

namespace khelp::app {

/// The hooks of each point, numbered in running order, with the reason for each place.
std::string hook_order_text(const std::vector<snapshot::hook_info>& hooks);

}  // namespace khelp::app
