// Runs that somebody waits for, in words.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include <khelp/result.hpp>

#include "sync/publication.hpp"
#include "sync/run_wait.hpp"

namespace khelp {

// "thread 12 'name' has been inside a run of hook point 'p' (hooks of 'a', 'b') for 1.5 s at least".
std::string words_about(const straggler& who) KHELP_EXCLUDES(registry_mutex);

// Sections with this key are of no hook point: what people are told they are. Once for each key, before
// its first section.
void name_section(const void* key, const char* words) noexcept;

// The answer of a wait that was too short: these words, and those about the run. What was done stays
// done, so the answer is ETIMEDOUT also when there is no memory for so many words.
failure still_inside(std::initializer_list<std::string_view> before, const straggler& who) noexcept
    KHELP_EXCLUDES(registry_mutex);

}  // namespace khelp
