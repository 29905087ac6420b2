// Runs that somebody waits for, in words.
#pragma once

#include <string>

#include "sync/publication.hpp"
#include "sync/run_wait.hpp"

namespace khelp {

// "thread 12 'name' has been inside a run of hook point 'p' (hooks of 'a', 'b') for 1.5 s at least".
std::string words_about(const straggler& who) KHELP_EXCLUDES(registry_mutex);

}  // namespace khelp
