#include "subsystem/tcp/decode/decode.hpp"

#include <algorithm>

#include "subsystem/tcp/decode/decoding.hpp"

namespace khelp::tcp {

namespace {

using namespace decoding;

/// A link header of `header` bytes with an EtherType at `type_at`.
decoded decode_typed(const view& packet, size_t header, size_t type_at, segment& out) {
  if (const auto why = unreadable(packet, header, "the frame is too short for its link header"))
    return *why;
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

/// Address families differ between systems.
decoded decode_family(uint32_t family, const view& packet, segment& out) {
  switch (family) {
    case 2:
      return decode_ipv4(packet, out);
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // Darwin
      return decode_ipv6(packet, out);
    default:
      return not_tcp;
  }
}

/// In the byte order of the machine that captured it.
decoded decode_null(const view& packet, segment& out) {
  if (const auto why = unreadable(packet, 4, "the frame is too short for its link header"))
    return *why;
  const uint32_t family = packet.u32(0);
  return decode_family(family < 0x10000 ? family : __builtin_bswap32(family), packet.skip(4), out);
}

/// PPP on a line: HDLC's address and control may stand in front, or what Cisco puts there instead.
decoded decode_ppp_line(const view& packet, segment& out) {
  if (const auto why = unreadable(packet, 2, "the frame is too short for its link header"))
    return *why;
  constexpr uint16_t hdlc = 0xff03;
  constexpr uint16_t cisco_unicast = 0x0f00;
  constexpr uint16_t cisco_broadcast = 0x8f00;
  const uint16_t first = packet.u16(0);
  if (first == cisco_unicast || first == cisco_broadcast)
    return decode_typed(packet, 4, 2, out);
  return decode_ppp(first == hdlc ? packet.skip(2) : packet, out);
}

/// A byte says which end sent it.
decoded decode_ppp_with_side(const view& packet, segment& out) {
  if (const auto why = unreadable(packet, 1, "the frame is too short for its link header"))
    return *why;
  return decode_ppp_line(packet.skip(1), out);
}

decoded decode_fddi(const view& packet, segment& out) {
  constexpr size_t header = 13;
  constexpr uint8_t class_and_kind = 0x70;
  constexpr uint8_t data = 0x50;  // asynchronous and synchronous alike
  if (const auto why = unreadable(packet, header, "the frame is too short for its link header"))
    return *why;
  if ((packet.u8(0) & class_and_kind) != data)
    return not_tcp;  // tokens, and what stations tell each other
  return decode_llc(packet.skip(header), out);
}

/// What follows a header that names its link type. Such a header after another is refused.
decoded decode_inner(uint32_t link_type, const view& packet, segment& out) {
  const link_layer inner = link_layer_of(link_type);
  if (inner == link_layer::ppi || inner == link_layer::pktap)
    return passed_over(not_followed::link_type);
  return decode_link(inner, packet, out);
}

decoded decode_ppi(const view& packet, segment& out) {
  constexpr size_t fixed = 8;
  if (const auto why = unreadable(packet, fixed, "the frame is too short for its link header"))
    return *why;
  const size_t header = packet.little16(2);
  if (header < fixed || header > packet.length)
    return malformed("the PPI header's length does not fit the frame");
  if (!packet.holds(header))
    return cut;
  return decode_inner(packet.little32(4), packet.skip(header), out);
}

/// In the byte order of the machine that captured it: Darwin's are little-endian.
decoded decode_pktap(const view& packet, segment& out) {
  constexpr size_t fixed = 12;  // as far as it is read
  if (const auto why = unreadable(packet, fixed, "the frame is too short for its link header"))
    return *why;
  const size_t header = packet.little32(0);
  if (header < fixed || header > packet.length)
    return malformed("the pktap header's length does not fit the frame");
  if (!packet.holds(header))
    return cut;
  const uint32_t what_follows = packet.little32(4);
  if (what_follows == 0)
    return not_tcp;  // nothing
  return decode_inner(packet.little32(8), packet.skip(header), out);
}

/// Attributes, each with a length and a type in the byte order of the machine that captured them.
/// Types are small numbers, which shows the order.
decoded decode_netfilter_log(view packet, segment& out) {
  constexpr size_t header = 4;
  constexpr uint16_t payload = 9;
  if (const auto why = unreadable(packet, header, "the frame is too short for its link header"))
    return *why;
  if (packet.u8(1) != 0)
    return malformed("not version 0 where an NFLOG header was announced");
  packet = packet.skip(header);
  while (packet.length >= 4) {
    if (!packet.holds(4))
      return cut;
    const bool big_endian = packet.little16(2) > 0xff;
    const size_t size = big_endian ? packet.u16(0) : packet.little16(0);
    const uint16_t type = (big_endian ? packet.u16(2) : packet.little16(2)) & 0x7fff;
    if (size < 4 || size > packet.length)
      return malformed("an NFLOG attribute's length does not fit the frame");
    if (type == payload) {
      const view inner = packet.first(static_cast<uint32_t>(size)).skip(4);
      const bool is_ip = inner.holds(1) && (inner.u8(0) >> 4 == 4 || inner.u8(0) >> 4 == 6);
      return is_ip || !inner.holds(1) ? decode_ip(inner, out) : not_tcp;
    }
    const size_t padded = std::min<size_t>((size + 3) & ~size_t{3}, packet.length);
    if (!packet.holds(padded))
      return cut;
    packet = packet.skip(padded);
  }
  return not_tcp;
}

/// Systems' headers differ in length, and number IPv6 as they please.
decoded decode_packet_filter_log(const view& packet, segment& out) {
  constexpr size_t shortest = 4;
  if (const auto why = unreadable(packet, shortest, "the frame is too short for its link header"))
    return *why;
  const size_t header = (packet.u8(0) + size_t{3}) & ~size_t{3};
  if (header < shortest || header > packet.length)
    return malformed("the pf log header's length does not fit the frame");
  if (!packet.holds(header))
    return cut;
  return decode_family(packet.u8(1), packet.skip(header), out);
}

}  // namespace

decoded decoding::decode_link(link_layer link, const view& packet, segment& out) {
  switch (link) {
    case link_layer::ethernet:
      return decode_typed(packet, 14, 12, out);
    case link_layer::raw_ip:
      return decode_ip(packet, out);
    case link_layer::linux_cooked:
      return decode_cooked(packet, 16, 14, out);
    case link_layer::linux_cooked2:
      return decode_cooked(packet, 20, 0, out);
    case link_layer::null:
      return decode_null(packet, out);
    case link_layer::pppoe:
      return decode_pppoe(packet, out);
    case link_layer::ppp:
      return decode_ppp_line(packet, out);
    case link_layer::ppp_with_side:
      return decode_ppp_with_side(packet, out);
    case link_layer::cisco_hdlc:
      return decode_typed(packet, 4, 2, out);
    case link_layer::fddi:
      return decode_fddi(packet, out);
    case link_layer::ieee80211:
      return decode_80211(packet, out);
    case link_layer::radiotap:
      return decode_radiotap(packet, out);
    case link_layer::ppi:
      return decode_ppi(packet, out);
    case link_layer::pktap:
      return decode_pktap(packet, out);
    case link_layer::netfilter_log:
      return decode_netfilter_log(packet, out);
    case link_layer::packet_filter_log:
      return decode_packet_filter_log(packet, out);
    case link_layer::unknown:
      break;
  }
  return passed_over(not_followed::link_type);
}

decoded decode(link_layer link, std::span<const uint8_t> captured, uint32_t length, segment& out) {
  out.vlan = 0;
  return decode_link(link, {captured, std::max(length, static_cast<uint32_t>(captured.size()))},
                     out);
}

}  // namespace khelp::tcp
