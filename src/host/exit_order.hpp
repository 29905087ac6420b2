// Static objects of modules end with the process. Each is registered when it is made, and what is
// registered last is called first. So the loader's function at exit is registered anew after each load,
// to be called while all modules are whole.
#pragma once

namespace khelp {

/// What is to be called. Once, before the first load.
void set_exit_function(void (*function)() noexcept) noexcept;

/// Register it anew, and take the earlier entry out.
///
/// Context  by the thread whose turn it is to load.
void be_first_at_exit() noexcept;

}  // namespace khelp
