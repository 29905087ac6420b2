/// Memory for segment records: one zone serves both queues of every connection.
#pragma once

#include <cstddef>

namespace khelp::ertt {

/// Room for a record of either queue (ticks.hpp, precise.hpp).
inline constexpr std::size_t record_size = 40;

/// One record's memory, or nullptr. Never sleeps: hooks call it.
/// The module takes it from its zone (zone.cpp), unit tests from a heap they can make fail.
void* take_record() noexcept;
void give_record(void* record) noexcept;

}  // namespace khelp::ertt
