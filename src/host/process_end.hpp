// What the end of the process does to modules.
#pragma once

namespace khelp {

/// Load and unload nothing more, take the modules' hooks off, and tell all modules (MOD_SHUTDOWN),
/// the last one loaded first. No hook of a module runs when its static objects end.
///
/// A file that another thread loads or unloads at this moment is left alone: that thread hears of the
/// end by itself.
void end_modules_with_process() noexcept;

}  // namespace khelp
