// What removals from inside hooks leave behind is completed by later cold calls.
#pragma once

namespace khelp {

// Complete what can be completed without waiting; nothing inside a section or a call about data. Returns how much is
// still waiting.
unsigned reap() noexcept;

// Called by reap(), in order of registration; returns how much is still waiting. At most 8 of each.
using reaper = unsigned (*)();
void add_reaper(reaper fn) noexcept;
// After the others, and after the published sets that they retired have been freed.
void add_last_reaper(reaper fn) noexcept;

}  // namespace khelp
