/// Packets that were captured more than once.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "subsystem/tcp/decode/decode.hpp"

namespace khelp::tcp {

struct end;
struct flow;

/// The last few segments of a connection, by which a copy is recognized.
class recent_segments {
 public:
  /// What a segment has in common with its copies, and no other segment; and when it came.
  struct look {
    uint32_t print;
    uint32_t when;
  };
  /// A checksum may be completed on the way, by a card or its driver: where there is an
  /// identification, that must do.
  static look look_of(const segment& seg, bool from_first, int64_t when_ns) {
    const uint64_t numbers = uint64_t{seg.seq} << 32 | seg.ack;
    const uint64_t stamps = uint64_t{seg.options.tsval} << 32 | seg.options.tsecr;
    const uint32_t either = seg.identification != 0 ? seg.identification : seg.checksum;
    const uint64_t rest = uint64_t{from_first} << 63 | uint64_t{seg.payload} << 40 |
                          uint64_t{seg.flags} << 32 | uint64_t{seg.window} << 16 | either;
    uint64_t print =
        numbers * 0x9e3779b97f4a7c15 ^ stamps * 0xd6e8feb86659fd93 ^ rest * 0xa0761d6478bd642f;
    if (seg.options.sack_count != 0)
      print ^= std::bit_cast<uint64_t>(seg.options.sacks[0]) * 0xe7037ed1a0b428db;
    return {static_cast<uint32_t>(print >> 32), static_cast<uint32_t>(when_ns >> time_shift)};
  }

  /// `number` of them were added before.
  void add(const look& fresh, uint64_t number) {
    prints_[number % places] = fresh.print;
    times_[number % places] = fresh.when;
  }
  /// Was one like this added that came at most so long before it, or after it?
  bool holds(const look& again, int64_t within_ns) const;

 private:
  static constexpr size_t places = 8;
  static constexpr int time_shift = 10;  // a unit is 1.024 us

  std::array<uint32_t, places> prints_{};
  std::array<uint32_t, places> times_{};
};

/// Was the segment captured before, elsewhere on its way: on a bridge and on its card, on both ports of
/// a router, by a switch that mirrors what comes and what goes?
///
/// Its sender has not sent it again if both have the same IP identification, for a sender gives each
/// packet another one: then a copy may come up to 10 ms after the first, but not after more than a
/// quarter of the round trip (at least 1 ms). IPv6 has no identification, and IPv4 may have 0: then it
/// must come within a quarter of the round trip and a millisecond (50 us where the round trip is not
/// known), which is too early for a retransmission. Without identification duplicate ACKs and
/// repeated RSTs look like copies, so these are only called so where others of the connection were.
/// What is no copy is added to the connection's recent segments.
///
/// Source   RFC 6864 (identification), RFC 8985 (no retransmission before a quarter of the round trip).
bool was_captured_before(flow& f, const end& from, const segment& seg, int64_t when_ns);

}  // namespace khelp::tcp
