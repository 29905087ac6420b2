#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "subsystem/tcp/decode/decoding.hpp"

namespace khelp::tcp::decoding {

namespace {

/// Protocol numbers, and the values of IPv6's next header.
enum protocol : uint8_t {
  protocol_hop_by_hop = 0,
  protocol_icmp = 1,
  protocol_igmp = 2,
  protocol_ipv4 = 4,
  protocol_tcp = 6,
  protocol_egp = 8,
  protocol_udp = 17,
  protocol_dccp = 33,
  protocol_ipv6 = 41,
  protocol_routing = 43,
  protocol_fragment = 44,
  protocol_rsvp = 46,
  protocol_gre = 47,
  protocol_encrypted = 50,
  protocol_authentication = 51,
  protocol_minimal_encapsulation = 55,
  protocol_icmpv6 = 58,
  protocol_none = 59,
  protocol_destination = 60,
  protocol_eigrp = 88,
  protocol_ospf = 89,
  protocol_ip_in_ip = 94,
  protocol_ethernet_in_ip = 97,
  protocol_pim = 103,
  protocol_vrrp = 112,
  protocol_l2tp = 115,
  protocol_sctp = 132,
  protocol_mobility = 135,
  protocol_udp_lite = 136,
  protocol_mpls = 137,
  protocol_host_identity = 139,
  protocol_shim6 = 140,
  protocol_ethernet = 143,
};

/// Tunnels are known by the port that they are sent to.
decoded decode_udp(const view& packet) {
  if (!packet.holds(4))
    return not_tcp;
  switch (packet.u16(2)) {
    case 1701:  // L2TP
    case 2152:  // GTP-U
    case 4789:  // VXLAN
    case 4790:  // VXLAN-GPE
    case 6081:  // Geneve
    case 6635:  // MPLS
    case 8472:  // VXLAN, before its port was assigned
      return passed_over(not_followed::udp_tunnel);
    default:
      return not_tcp;
  }
}

decoded decode_other_protocol(uint8_t protocol, const view& packet) {
  switch (protocol) {
    case protocol_udp:
      return decode_udp(packet);
    case protocol_icmp:
    case protocol_igmp:
    case protocol_egp:
    case protocol_dccp:
    case protocol_rsvp:
    case protocol_icmpv6:
    case protocol_none:
    case protocol_eigrp:
    case protocol_ospf:
    case protocol_pim:
    case protocol_vrrp:
    case protocol_sctp:
    case protocol_udp_lite:
      return not_tcp;
    case protocol_ipv4:
    case protocol_ipv6:
    case protocol_ip_in_ip:
      return passed_over(not_followed::ip_in_ip);
    case protocol_gre:
      return passed_over(not_followed::gre);
    case protocol_encrypted:
      return passed_over(not_followed::encrypted);
    case protocol_minimal_encapsulation:
    case protocol_ethernet_in_ip:
    case protocol_l2tp:
    case protocol_mpls:
    case protocol_ethernet:
      return passed_over(not_followed::tunnel);
    default:
      return passed_over(not_followed::ip_protocol);
  }
}

bool is_extension(uint8_t next) {
  switch (next) {
    case protocol_hop_by_hop:
    case protocol_routing:
    case protocol_fragment:
    case protocol_destination:
    case protocol_mobility:
    case protocol_host_identity:
    case protocol_shim6:
      return true;
    default:
      return false;
  }
}

/// The authentication header in transport mode: what it authenticates follows it unencrypted.
///
/// Source   RFC 4302 2: its length is in units of 4 bytes, less 2; 12 bytes are fixed.
decoded skip_authentication(view& packet, uint8_t& next) {
  constexpr size_t fixed_header = 12;
  if (packet.length < fixed_header)
    return malformed("the IP packet is too short for its authentication header");
  if (!packet.holds(fixed_header))
    return cut;
  const size_t size = (packet.u8(1) + size_t{2}) * 4;
  if (size < fixed_header)
    return malformed("the authentication header's length is below 12");
  if (size > packet.length)
    return malformed("the authentication header is longer than its packet");
  if (!packet.holds(size))
    return cut;
  next = packet.u8(0);
  packet = packet.skip(size);
  return is_tcp;
}

constexpr decoded is_fragment{verdict::fragment, {}, ""};

/// A piece that says what it is a piece of. What follows its headers is only looked at in a first
/// one, and there it is `found`.
decoded check_fragment(const fragment& piece, const decoded& found, segment& out) {
  constexpr uint32_t largest_packet = 65535;
  if (piece.bytes == 0)
    return malformed("a fragment without data");
  if (piece.more && piece.bytes % 8 != 0)
    return malformed("a fragment in front of others whose length is no multiple of 8");
  if (uint32_t{piece.offset} + piece.bytes > largest_packet)
    return malformed("a fragment that reaches beyond the largest packet");
  out.piece = piece;
  if (piece.offset != 0)
    return is_fragment;
  switch (found.what) {
    case verdict::tcp:
      out.piece.headers = static_cast<uint16_t>(piece.bytes - out.payload);
      return is_fragment;
    case verdict::malformed:
      return is_fragment;  // its headers may go on in the next piece
    case verdict::fragment:
      return malformed("a fragment within a fragment");
    case verdict::not_tcp:
    case verdict::not_followed:
      break;
  }
  return found;
}

/// Behind an IPv4 header that announces something else than TCP.
decoded decode_ipv4_payload(uint8_t protocol, view packet, segment& out) {
  while (protocol == protocol_authentication) {
    const decoded skipped = skip_authentication(packet, protocol);
    if (skipped.what != verdict::tcp)
      return skipped;
  }
  return protocol == protocol_tcp ? decode_tcp(packet, out)
                                  : decode_other_protocol(protocol, packet);
}

/// `unseen`: how many of the payload's bytes the frame has no room for.
decoded decode_ipv4_fragment(const view& header, const view& payload, uint32_t unseen,
                             segment& out) {
  constexpr uint16_t more_fragments = 0x2000;
  constexpr uint16_t fragment_offset = 0x1fff;
  const uint16_t field = header.u16(6);
  fragment piece;
  piece.identification = header.u16(4);
  piece.bytes = payload.length;
  piece.unseen = unseen;
  piece.offset = static_cast<uint16_t>((field & fragment_offset) * 8);
  piece.protocol = header.u8(9);
  piece.more = (field & more_fragments) != 0;
  const bool first = piece.offset == 0;
  if (piece.protocol != protocol_tcp && piece.protocol != protocol_authentication)
    return decode_other_protocol(piece.protocol, first ? payload : view{});
  return check_fragment(piece, first ? decode_ipv4_payload(piece.protocol, payload, out) : not_tcp,
                        out);
}

bool checksum_is_right(const view& header) {
  uint32_t sum = 0;
  for (size_t at = 0; at < header.captured.size(); at += 2)
    sum += header.u16(at);
  return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

/// An IPv4 address, written as one: it will be read as one.
std::array<uint8_t, 16> address_of(const uint8_t* bytes) {
  std::array<uint32_t, 4> words{};
  std::memcpy(words.data(), bytes, sizeof words[0]);
  return std::bit_cast<std::array<uint8_t, 16>>(words);
}

}  // namespace

decoded decode_ipv4(const view& packet, segment& out) {
  constexpr size_t fixed_header = 20;
  if (packet.length < fixed_header)
    return malformed("the frame is too short for an IPv4 header");
  if (!packet.holds(fixed_header))
    return cut;
  if (packet.u8(0) >> 4 != 4)
    return malformed("not version 4 where IPv4 was announced");
  const size_t header = (packet.u8(0) & 0x0f) * size_t{4};
  if (header < fixed_header)
    return malformed("the IPv4 header length is below 20");

  // 0: written before segmentation offload, or BIG TCP; the frame's length counts.
  const uint32_t announced = packet.u16(2);
  const uint32_t total = announced == 0 ? packet.length : announced;
  if (total < header)
    return malformed("the IPv4 total length is below its header's");
  if (packet.length < header)
    return malformed("the frame is too short for its IPv4 header");
  if (!packet.holds(header))
    return cut;
  const bool shortened = total > packet.length;
  if (shortened && packet.announced)
    return malformed("the IPv4 total length exceeds the layer around it");
  if (shortened && !checksum_is_right(packet.first(static_cast<uint32_t>(header))))
    return malformed("the IPv4 total length exceeds the frame");

  out.ip_version = 4;
  out.identification = packet.u16(4);
  out.source = address_of(&packet.captured[12]);
  out.destination = address_of(&packet.captured[16]);
  const view payload = packet.first(total).skip(header);
  constexpr uint16_t not_whole = 0x3fff;  // more fragments follow, or others came before
  if ((packet.u16(6) & not_whole) != 0)
    return decode_ipv4_fragment(packet, payload, shortened ? total - packet.length : 0, out);
  const uint8_t protocol = packet.u8(9);
  const decoded found = protocol == protocol_tcp ? decode_tcp(payload, out)
                                                 : decode_ipv4_payload(protocol, payload, out);
  if (shortened && found.what == verdict::tcp)
    out.shown -= std::min(out.payload, total - packet.length);
  return found;
}

namespace {

/// The length that a jumbo payload option announces; 0: there is none.
uint32_t jumbo_length(view options) {
  constexpr uint8_t option_pad1 = 0;
  constexpr uint8_t option_jumbo = 0xc2;
  while (options.holds(1)) {
    if (options.u8(0) == option_pad1) {
      options = options.skip(1);
      continue;
    }
    if (!options.holds(2) || !options.holds(2 + size_t{options.u8(1)}))
      return 0;
    if (options.u8(0) == option_jumbo && options.u8(1) == 4)
      return options.u32(2);
    options = options.skip(2 + size_t{options.u8(1)});
  }
  return 0;
}

decoded decode_ipv6_payload(view packet, uint8_t next, bool length_unknown, segment& out);

/// `packet` begins with the fragment header.
decoded decode_ipv6_fragment(const view& packet, segment& out) {
  constexpr size_t header = 8;
  const view payload = packet.skip(header);
  fragment piece;
  piece.identification = packet.u32(4);
  piece.bytes = payload.length;
  piece.offset = packet.u16(2) & 0xfff8;
  piece.protocol = packet.u8(0);
  piece.more = (packet.u16(2) & 1) != 0;
  const bool first = piece.offset == 0;
  if (piece.protocol != protocol_tcp && piece.protocol != protocol_authentication &&
      !is_extension(piece.protocol))
    return decode_other_protocol(piece.protocol, first ? payload : view{});
  return check_fragment(
      piece, first ? decode_ipv6_payload(payload, piece.protocol, false, out) : not_tcp, out);
}

/// Follow the extension headers to TCP. `packet` begins after the fixed header.
decoded decode_ipv6_payload(view packet, uint8_t next, bool length_unknown, segment& out) {
  while (next != protocol_tcp) {
    if (next == protocol_authentication) {
      const decoded skipped = skip_authentication(packet, next);
      if (skipped.what != verdict::tcp)
        return skipped;
      continue;
    }
    constexpr size_t smallest = 8;
    if (!is_extension(next))
      return decode_other_protocol(next, packet);
    if (packet.length < smallest)
      return malformed("the IPv6 packet is too short for its extension headers");
    if (!packet.holds(smallest))
      return cut;
    const size_t size = next == protocol_fragment ? smallest : (packet.u8(1) + size_t{1}) * 8;
    if (size > packet.length)
      return malformed("an IPv6 extension header is longer than its packet");
    if (!packet.holds(size))
      return cut;

    if (next == protocol_fragment && (packet.u16(2) & 0xfff9) != 0)  // else it is the whole packet
      return decode_ipv6_fragment(packet, out);
    if (next == protocol_hop_by_hop && length_unknown) {
      const uint32_t jumbo = jumbo_length(packet.first(static_cast<uint32_t>(size)).skip(2));
      if (jumbo != 0) {
        if (jumbo < 65536 || jumbo > packet.length)
          return malformed("the jumbo payload length does not fit the frame");
        packet = packet.first(jumbo);
      }
      length_unknown = false;
    }
    next = packet.u8(0);
    packet = packet.skip(size);
  }
  return decode_tcp(packet, out);
}

}  // namespace

decoded decode_ipv6(const view& packet, segment& out) {
  constexpr size_t fixed_header = 40;
  if (packet.length < fixed_header)
    return malformed("the frame is too short for an IPv6 header");
  if (!packet.holds(fixed_header))
    return cut;
  if (packet.u8(0) >> 4 != 6)
    return malformed("not version 6 where IPv6 was announced");
  const uint32_t announced = packet.u16(4);
  if (announced > packet.length - fixed_header)
    return malformed(packet.announced ? "the IPv6 payload length exceeds the layer around it"
                                      : "the IPv6 payload length exceeds the frame");

  out.ip_version = 6;
  out.identification = 0;
  std::memcpy(out.source.data(), &packet.captured[8], 16);
  std::memcpy(out.destination.data(), &packet.captured[24], 16);
  const uint8_t next = packet.u8(6);
  const view payload = packet.skip(fixed_header);
  // 0: a jumbogram, or BIG TCP without the option; the frame's length counts.
  return announced == 0 ? decode_ipv6_payload(payload, next, true, out)
                        : decode_ipv6_payload(payload.first(announced), next, false, out);
}

decoded decode_ip(const view& packet, segment& out) {
  if (packet.length == 0)
    return malformed("the frame is empty");
  if (!packet.holds(1))
    return cut;
  switch (packet.u8(0) >> 4) {
    case 4:
      return decode_ipv4(packet, out);
    case 6:
      return decode_ipv6(packet, out);
    default:
      return malformed("neither version 4 nor 6 where IP was announced");
  }
}

}  // namespace khelp::tcp::decoding
