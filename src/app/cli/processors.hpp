/// How many threads are worth while.
#pragma once

#include <cstddef>

namespace khelp::app {

/// Processors that this process may use, as far as a replay gains from them: one thread that reads
/// can keep four busy.
std::size_t useful_jobs() noexcept;

}  // namespace khelp::app
