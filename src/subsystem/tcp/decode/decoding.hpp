/// The steps of decode(), by layer. Each is given what is left of a frame and fills in the segment.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "subsystem/tcp/decode/decode.hpp"

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
  uint16_t u16(size_t at) const { return in_network_order(load<uint16_t>(at)); }
  uint32_t u32(size_t at) const { return in_network_order(load<uint32_t>(at)); }
  uint16_t little16(size_t at) const { return __builtin_bswap16(u16(at)); }
  uint32_t little32(size_t at) const { return __builtin_bswap32(u32(at)); }
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

 private:
  template <class Number>
  Number load(size_t at) const {
    Number value;
    std::memcpy(&value, &captured[at], sizeof value);
    return value;
  }
  static uint16_t in_network_order(uint16_t value) {
    return std::endian::native == std::endian::big ? value : __builtin_bswap16(value);
  }
  static uint32_t in_network_order(uint32_t value) {
    return std::endian::native == std::endian::big ? value : __builtin_bswap32(value);
  }
};

/// Why a header of so many bytes cannot be read; nothing: it can.
inline std::optional<decoded> unreadable(const view& packet, size_t bytes, const char* too_short) {
  if (packet.length < bytes)
    return malformed(too_short);
  if (!packet.holds(bytes))
    return cut;
  return std::nullopt;
}

// ---- TCP: decode_tcp.cpp

/// `packet` is the IP packet's payload; its length comes from the IP header.
decoded decode_tcp(const view& packet, segment& out);

// ---- IP: decode_ip.cpp

decoded decode_ipv4(const view& packet, segment& out);
decoded decode_ipv6(const view& packet, segment& out);
/// The version is in its first byte.
decoded decode_ip(const view& packet, segment& out);

// ---- what lies between link header and IP: decode_between.cpp

/// What an EtherType announces. `packet` begins after it.
decoded decode_ethertype(uint16_t type, view packet, segment& out);
/// An IEEE 802.2 header, where a length or a protocol number stood instead of a type. IP lies after
/// a SNAP header.
decoded decode_llc(const view& packet, segment& out);
decoded decode_pppoe(const view& packet, segment& out);
/// Beginning with the protocol field, of one byte or two.
decoded decode_ppp(const view& packet, segment& out);

// ---- IEEE 802.11: decode_80211.cpp

decoded decode_80211(const view& packet, segment& out);
decoded decode_radiotap(const view& packet, segment& out);

// ---- any link type: decode.cpp

decoded decode_link(link_layer link, const view& packet, segment& out);

}  // namespace khelp::tcp::decoding
