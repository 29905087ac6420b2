/// The one order of replay events, equal for any number of threads.
#pragma once

#include <compare>
#include <cstdint>

namespace khelp::tcp {

/// What happens at one packet, in this order.
enum class phase : uint8_t {
  silent_opening,  ///< connections fall silent, stage by stage
  silent_open,
  silent_ending,
  reused,    ///< the packet begins a connection anew: the old one closes,
  evicted,   ///< and one is evicted for it
  passing,   ///< the packet passes the hook points
  shed,      ///< connections that ended are closed early: there are many
  released,  ///< helpers' data goes, connections stay
  flushed_ending,
  flushed_opening,
  flushed_open,
};

/// Ascends through a replay, and is the same however many threads follow the connections.
struct event_key {
  uint64_t packet = 0;  ///< of the replay, from 1
  enum phase phase = phase::passing;
  /// Closing connections: flow::active_ns (silent, shed), flow::queued_at (reused, flushed), or how
  /// many were evicted before (evicted),
  uint64_t rank = 0;
  uint64_t began = 0;  ///< and flow::began_at

  auto operator<=>(const event_key&) const = default;
};

constexpr event_key last_event_key{~uint64_t{0}, phase::flushed_open, ~uint64_t{0}, ~uint64_t{0}};

}  // namespace khelp::tcp
