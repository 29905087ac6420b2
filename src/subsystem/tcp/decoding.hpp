/// The steps of decode(), by layer. Each is given what is left of a frame and fills in the segment.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "subsystem/tcp/decode.hpp"

namespace khelp::tcp::decoding {

constexpr decoded is_tcp{verdict::tcp, {}, ""};
constexpr decoded not_tcp{verdict::not_tcp, {}, ""};
constexpr decoded passed_over(not_followed reason) {
  return {verdict::not_followed, reason, ""};
}
constexpr decoded cut = passed_over(not_followed::cut);
constexpr decoded malformed(const char* why) {
  return {verdict::malformed, {}, why};
}

/// What is left of a frame: the captured bytes, and how many the wire had.
///
/// captured.size() <= length holds from decode() on; skip() keeps it.
struct view {
  std::span<const uint8_t> captured;
  uint32_t length;
  bool announced = false;  ///< length is what a header says, not what is left of the frame

  bool holds(size_t bytes) const { return captured.size() >= bytes; }
  uint8_t u8(size_t at) const { return captured[at]; }
  uint16_t u16(size_t at) const {
    return static_cast<uint16_t>(captured[at] << 8 | captured[at + 1]);
  }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(u16(at)) << 16 | u16(at + 2); }
  view skip(size_t bytes) const {
    return {captured.subspan(bytes), length - static_cast<uint32_t>(bytes), announced};
  }
  /// Only the first `bytes`: what follows an IP packet in its frame is padding.
  view first(uint32_t bytes) const {
    return {captured.first(std::min<size_t>(captured.size(), bytes)), bytes, announced};
  }
  /// A header says that so many bytes follow it. Where the frame has fewer it was cut by a tool that
  /// forgot its length, or the header is wrong: the IP header will tell.
  view within(uint32_t bytes) const {
    if (bytes > length)
      return *this;
    view inner = first(bytes);
    inner.announced = true;
    return inner;
  }
};

// ---- TCP: decode_tcp.cpp

/// `packet` is the IP packet's payload; its length comes from the IP header.
decoded decode_tcp(const view& packet, segment& out);

// ---- IP: decode_ip.cpp

decoded decode_ipv4(const view& packet, segment& out);
decoded decode_ipv6(const view& packet, segment& out);
/// The version is in its first byte.
decoded decode_ip(const view& packet, segment& out);

// ---- what lies between link header and IP: decode_between.cpp

/// What an EtherType announces. `packet` begins behind it.
decoded decode_ethertype(uint16_t type, view packet, segment& out);
/// An IEEE 802.2 header, where a length or a protocol number stood instead of a type. IP lies behind
/// a SNAP header.
decoded decode_llc(const view& packet, segment& out);
decoded decode_pppoe(const view& packet, segment& out);

}  // namespace khelp::tcp::decoding
