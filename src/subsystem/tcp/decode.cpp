#include "subsystem/tcp/decode.hpp"

#include <algorithm>

#include "subsystem/tcp/decoding.hpp"

namespace khelp::tcp {

namespace {

using namespace decoding;

/// A link header of `header` bytes with an EtherType at `type_at`.
decoded decode_typed(const view& packet, size_t header, size_t type_at, segment& out) {
  if (packet.length < header)
    return malformed("the frame is too short for its link header");
  if (!packet.holds(header))
    return cut;
  return decode_ethertype(packet.u16(type_at), packet.skip(header), out);
}

/// Linux's cooked headers. What is no EtherType is a protocol number of Linux's, not a length: 802.2
/// frames have 4 there (ETH_P_802_2).
decoded decode_cooked(const view& packet, size_t header, size_t type_at, segment& out) {
  constexpr uint16_t largest_number = 1500;
  if (packet.holds(header) && packet.u16(type_at) <= largest_number)
    return decode_llc(packet.skip(header), out);
  return decode_typed(packet, header, type_at, out);
}

/// Address families differ between systems, and the header is in the capturing machine's byte
/// order.
decoded decode_null(const view& packet, segment& out) {
  if (packet.length < 4)
    return malformed("the frame is too short for its link header");
  if (!packet.holds(4))
    return cut;
  const uint32_t family = packet.u32(0);
  switch (family < 0x10000 ? family : __builtin_bswap32(family)) {
    case 2:
      return decode_ipv4(packet.skip(4), out);
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // Darwin
      return decode_ipv6(packet.skip(4), out);
    default:
      return not_tcp;
  }
}

}  // namespace

decoded decode(link_layer link, std::span<const uint8_t> captured, uint32_t length, segment& out) {
  const view whole{captured, std::max(length, static_cast<uint32_t>(captured.size()))};
  out.vlan = 0;
  switch (link) {
    case link_layer::ethernet:
      return decode_typed(whole, 14, 12, out);
    case link_layer::raw_ip:
      return decode_ip(whole, out);
    case link_layer::linux_cooked:
      return decode_cooked(whole, 16, 14, out);
    case link_layer::linux_cooked2:
      return decode_cooked(whole, 20, 0, out);
    case link_layer::null:
      return decode_null(whole, out);
    case link_layer::pppoe:
      return decode_pppoe(whole, out);
  }
  return not_tcp;
}

}  // namespace khelp::tcp
