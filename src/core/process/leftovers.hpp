// What a module that is stopped has left in the core's registries: things that call functions of it
// or lie in its memory. They are taken off, so that its code can be unmapped.
//
// Whoever registered such a thing names it by something that is never another one's (a function and
// its argument, a handle, its own memory), so an object of the module that takes it off once more,
// at its end, finds nothing. What is only known by an address of ours (a zone) or is still in use
// (a point that somebody refers to) remains, and with it the module's code.
#pragma once

#include "base/leftovers.hpp"

namespace khelp {

/// Take off what leads into the module. Its functions are called as the end of these things asks for
/// (an osd slot's destructor), but by nobody else when nothing remains.
///
/// Context  outside hooks; no lock is held.
leftovers take_off_leftovers(const module_range& module);

}  // namespace khelp
