#include "subsystem/tcp/decode/decoding.hpp"

namespace khelp::tcp::decoding {

namespace {

// Frame control, in the order of the bytes.
constexpr uint8_t version_bits = 0x03;
constexpr uint8_t type_bits = 0x0c;
constexpr uint8_t type_data = 0x08;
constexpr uint8_t subtype_without_data = 0x40;
constexpr uint8_t subtype_qos = 0x80;
constexpr uint8_t flag_to_system = 0x01;
constexpr uint8_t flag_from_system = 0x02;
constexpr uint8_t flag_more_fragments = 0x04;
constexpr uint8_t flag_protected = 0x40;
constexpr uint8_t flag_order = 0x80;

/// `aligned`: the receiver put padding after the header, up to a multiple of 4 bytes.
decoded decode_frame(const view& packet, bool aligned, segment& out) {
  constexpr size_t shortest = 10;  // an acknowledgement
  if (packet.length < shortest)
    return malformed("the frame is too short for an IEEE 802.11 header");
  if (!packet.holds(2))
    return cut;
  const uint8_t kind = packet.u8(0);
  const uint8_t flags = packet.u8(1);
  if ((kind & version_bits) != 0)
    return malformed("not version 0 where IEEE 802.11 was announced");
  if ((kind & type_bits) != type_data || (kind & subtype_without_data) != 0)
    return not_tcp;  // management, control, and data frames without data

  size_t header = 24;
  const bool four_addresses = (flags & flag_to_system) != 0 && (flags & flag_from_system) != 0;
  if (four_addresses)
    header += 6;
  const size_t qos_at = header;
  const bool qos = (kind & subtype_qos) != 0;
  if (qos)
    header += 2 + ((flags & flag_order) != 0 ? 4 : 0);
  const size_t padded = aligned ? (header + 3) & ~size_t{3} : header;
  if (const auto why =
          unreadable(packet, padded, "the frame is too short for an IEEE 802.11 header"))
    return *why;

  if ((flags & flag_protected) != 0)
    return passed_over(not_followed::encrypted);
  const bool fragment = (flags & flag_more_fragments) != 0 || (packet.u8(22) & 0x0f) != 0;
  const bool aggregate = qos && (packet.u8(qos_at) & 0x80) != 0;
  if (fragment || aggregate)
    return passed_over(not_followed::wireless);
  return decode_llc(packet.skip(padded), out);
}

}  // namespace

decoded decode_80211(const view& packet, segment& out) {
  return decode_frame(packet, false, out);
}

/// Source   radiotap.org.
decoded decode_radiotap(const view& packet, segment& out) {
  constexpr size_t fixed = 8;
  constexpr uint32_t present_time = 1u << 0;
  constexpr uint32_t present_flags = 1u << 1;
  constexpr uint32_t present_more = 1u << 31;
  constexpr uint8_t flag_padding = 0x20;
  constexpr uint8_t flag_bad_checksum = 0x40;
  if (const auto why = unreadable(packet, fixed, "the frame is too short for a radiotap header"))
    return *why;
  const size_t header = packet.little16(2);
  if (header < fixed || header > packet.length)
    return malformed("the radiotap header's length does not fit the frame");
  if (!packet.holds(header))
    return cut;

  size_t at = 4;
  while (at + 4 <= header && (packet.little32(at) & present_more) != 0)
    at += 4;
  at += 4;  // the fields: the first bits of the first word say which come first
  const uint32_t present = packet.little32(4);
  if ((present & present_time) != 0)
    at = ((at + 7) & ~size_t{7}) + 8;
  uint8_t flags = 0;
  if ((present & present_flags) != 0) {
    if (at >= header)
      return malformed("the radiotap header is too short for its fields");
    flags = packet.u8(at);
  }
  if ((flags & flag_bad_checksum) != 0)
    return malformed("received with errors, says its radiotap header");
  return decode_frame(packet.skip(header), (flags & flag_padding) != 0, out);
}

}  // namespace khelp::tcp::decoding
