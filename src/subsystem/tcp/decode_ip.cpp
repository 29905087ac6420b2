#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "subsystem/tcp/decoding.hpp"

namespace khelp::tcp::decoding {

namespace {

constexpr uint8_t protocol_tcp = 6;

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
  if (shortened && !checksum_is_right(packet.first(static_cast<uint32_t>(header))))
    return malformed("the IPv4 total length exceeds the frame");

  if (packet.u8(9) != protocol_tcp)
    return not_tcp;
  constexpr uint16_t fragment_offset = 0x1fff;
  if ((packet.u16(6) & fragment_offset) != 0)
    return not_tcp;

  out.ip_version = 4;
  out.source = address_of(&packet.captured[12]);
  out.destination = address_of(&packet.captured[16]);
  const decoded found = decode_tcp(packet.first(total).skip(header), out);
  if (shortened && found.what == verdict::tcp)
    out.shown -= std::min(out.payload, total - packet.length);
  return found;
}

namespace {

enum ipv6_header : uint8_t {
  ipv6_hop_by_hop = 0,
  ipv6_routing = 43,
  ipv6_fragment = 44,
  ipv6_authentication = 51,
  ipv6_destination = 60,
  ipv6_mobility = 135,
  ipv6_host_identity = 139,
  ipv6_shim6 = 140,
};

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

/// Follow the extension headers to TCP. `packet` begins behind the fixed header.
decoded decode_ipv6_payload(view packet, uint8_t next, bool length_unknown, segment& out) {
  while (next != protocol_tcp) {
    const bool sized_in_8 = next == ipv6_hop_by_hop || next == ipv6_routing ||
                            next == ipv6_destination || next == ipv6_mobility ||
                            next == ipv6_host_identity || next == ipv6_shim6;
    if (!sized_in_8 && next != ipv6_fragment && next != ipv6_authentication)
      return not_tcp;
    if (packet.length < 8)
      return malformed("the IPv6 packet is too short for its extension headers");
    if (!packet.holds(8))
      return cut;

    size_t size = 8;
    if (sized_in_8)
      size = (packet.u8(1) + size_t{1}) * 8;
    if (next == ipv6_authentication)
      size = (packet.u8(1) + size_t{2}) * 4;
    if (size > packet.length)
      return malformed("an IPv6 extension header is longer than its packet");
    if (!packet.holds(size))
      return cut;

    if (next == ipv6_fragment && (packet.u16(2) & 0xfff8) != 0)
      return not_tcp;
    if (next == ipv6_hop_by_hop && length_unknown) {
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
    return malformed("the IPv6 payload length exceeds the frame");

  out.ip_version = 6;
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
