/// The hooks of each point, in running order.
#pragma once

#include <string>

namespace khelp::app {

/// One block per point, one line per hook: its place, its helper, and why it stands there.
std::string explain_hooks();

}  // namespace khelp::app
