/// From the bytes of a frame to a TCP segment. Pure: no state, no clock, nothing is read beyond
/// what was captured, whatever the headers claim.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <khelp/tcp.h>

#include "subsystem/tcp/capture/link_layer.hpp"
#include "subsystem/tcp/decode/not_followed.hpp"

namespace khelp::tcp {

/// A TCP option list, as far as it was captured and well formed. Host order.
struct segment_options {
  uint32_t present = 0;  ///< KHELP_TOF_...
  uint32_t tsval = 0;
  uint32_t tsecr = 0;
  uint16_t mss = 0;
  uint8_t window_scale = 0;
  uint8_t sack_count = 0;
  std::array<khelp_tcp_range, KHELP_TCP_MAX_SACKS> sacks{};
  bool damaged = false;  ///< an option's length is impossible; those after it were not read
};

/// A piece of an IP packet. Offsets and lengths are in bytes of what was divided.
struct fragment {
  uint32_t identification = 0;
  uint32_t bytes = 0;
  uint32_t unseen = 0;  ///< of these, how many the frame's own length leaves no room for
  uint16_t offset = 0;
  uint16_t headers =
      0;  ///< of a first piece: bytes in front of the payload; 0: they do not end in it
  uint8_t protocol = 0;  ///< of the packet, in the first header after IP's
  bool more = false;     ///< it is not the last
};

/// A TCP segment. Host order; the addresses are as on the wire, IPv4 in the first 4 bytes.
struct segment {
  std::array<uint8_t, 16> source{};
  std::array<uint8_t, 16> destination{};
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  uint8_t ip_version = 0;     ///< 4 or 6
  uint8_t flags = 0;          ///< KHELP_TH_...
  uint8_t header_words = 0;   ///< th_off
  uint8_t reserved_bits = 0;  ///< th_x2
  uint16_t vlan = 0;          ///< outermost VLAN id; 0: untagged
  uint16_t window = 0;
  uint16_t checksum = 0;
  uint16_t urgent = 0;
  uint16_t identification = 0;  ///< of the IPv4 packet; 0: it says nothing
  khelp_tcp_seq seq = 0;
  khelp_tcp_seq ack = 0;
  uint32_t payload = 0;  ///< bytes, from the IP header's lengths: the snap length does not matter
  uint32_t shown = 0;    ///< of these, how many the frame's own length leaves room for
  segment_options options;
  fragment piece;  ///< for verdict::fragment

  bool has(uint8_t flag) const { return (flags & flag) != 0; }
  /// How many sequence numbers it takes.
  uint32_t numbers() const {
    return payload + (has(KHELP_TH_SYN) ? 1 : 0) + (has(KHELP_TH_FIN) ? 1 : 0);
  }
};

enum class verdict : uint8_t {
  tcp,           ///< a segment
  fragment,      ///< a piece of a packet that may hold a segment
  not_tcp,       ///< something else
  not_followed,  ///< it may hold a segment, and is not looked into any further
  malformed,     ///< its headers contradict themselves
};

struct decoded {
  verdict what;
  not_followed reason;  ///< for verdict::not_followed
  const char* why;      ///< for malformed frames, in words; else ""
};

/// Look for a TCP segment in a frame.
///
/// Shape    captured: the bytes at hand. length: what the frame measured on the wire; a larger
///          value than captured.size() means the rest was cut by the snap length. out: filled for
///          verdict::tcp. For verdict::fragment: addresses, VLAN and piece; and all of the segment's
///          header if the piece is a first one that holds it (piece.headers), with the payload in the
///          piece. A frame shorter than its IPv4 packet was cut by a tool that forgot the original
///          length if the header's checksum is right, and is malformed if not.
/// Cost     no allocation.
decoded decode(link_layer link, std::span<const uint8_t> captured, uint32_t length, segment& out);

}  // namespace khelp::tcp
