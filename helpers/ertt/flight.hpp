/// Segments in flight, for precise.hpp: in sequence order, so that a retransmission stands beside
/// what it repeats instead of behind everything sent since (E-11).
#pragma once

#include <cstdint>

#include <khelp/ertt.h>

namespace khelp::ertt {

/// A timestamp option as on the wire.
struct stamp {
  std::uint32_t value;
  std::uint32_t echo;
};

/// A segment in flight, or what is left of it.
struct segment {
  segment* next;
  std::int64_t when;
  std::uint32_t seq;
  std::uint32_t end;
  stamp ts;
  bool timestamped;  // ts counts
  bool resent;       // some of it was sent more than once
  bool super;        // larger than a segment: is cut up on its way
  bool marked;       // the one of this round trip
  bool timed;        // `when` is known
};

/// Owns the records. At most KHELP_ERTT_MAX_SEGMENTS: where more are in flight, some go unmeasured,
/// and an end whose peer never answers costs no more (E-12).
class flight {
 public:
  flight() = default;
  flight(const flight&) = delete;
  flight& operator=(const flight&) = delete;
  ~flight();

  /// Copies with a common byte become `resent`, the new one as well. False: full, or no memory; the
  /// others are `resent` all the same.
  bool add(segment sent) noexcept;

  /// Remove the segment behind `previous` (nullptr: the first one); returns the one then there.
  segment* remove(segment* previous) noexcept;

  /// Ascending by seq, copies in the order they were sent.
  segment* first() const noexcept { return first_; }
  std::uint32_t size() const noexcept { return size_; }

 private:
  segment* place_of(segment& sent) noexcept;

  segment* first_ = nullptr;
  segment* last_ = nullptr;  // nullptr when empty
  std::uint32_t size_ = 0;
};

}  // namespace khelp::ertt
