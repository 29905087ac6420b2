// What removals from inside hooks leave behind is completed by later cold calls.
#pragma once

namespace khelp {

// Complete what can be completed without waiting; nothing inside a section or a call about data. Returns how much is
// still waiting.
unsigned reap() noexcept;

// Called by reap(), in order of registration; returns how much is still waiting. At most 8.
void add_reaper(unsigned (*fn)()) noexcept;

}  // namespace khelp
