// Static objects of modules end with the process. Each is registered when it is made, and what is
// registered last is called first. So the loader's function at exit is registered anew after each load,
// to be called while all modules are whole.
#pragma once

#include "elf/reader.hpp"

namespace khelp {

/// What is to be called. Once, before the first load.
void set_exit_function(void (*function)() noexcept) noexcept;

/// Whether something may be registered at exit when a file is mapped and started: an object of its own,
/// or one of a function of the program that it calls. Not when it calls this library and the run-time
/// alone.
bool may_register_at_exit(const elf_summary& file);

/// Register it anew, and take the earlier entry out. The C library never uses that one's place again, so
/// its list, which each exit and each dlclose(3) walks, grows by one.
///
/// Context  by the thread whose turn it is to load.
void be_first_at_exit() noexcept;

}  // namespace khelp
