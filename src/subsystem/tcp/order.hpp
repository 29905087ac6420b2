/// Where something stands among all that happens in a replay.
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
  crowded,   ///< and one is given up for it
  passing,   ///< the packet passes the hook points
  shed,      ///< connections that ended are closed early: there are many
  released,  ///< helpers' data goes, connections stay
  flushed_ending,
  flushed_opening,
  flushed_open,
};

/// Ascends through a replay. Says the same however many threads follow the connections.
struct order {
  uint64_t packet = 0;  ///< of the replay, from 1
  enum phase phase = phase::passing;
  /// Closing connections: flow::active_ns (silent, shed), flow::queued_at (reused, flushed), or how
  /// many were given up before (crowded),
  uint64_t place = 0;
  uint64_t began = 0;  ///< and flow::began_at

  auto operator<=>(const order&) const = default;
};

constexpr order last_order{~uint64_t{0}, phase::flushed_open, ~uint64_t{0}, ~uint64_t{0}};

}  // namespace khelp::tcp
