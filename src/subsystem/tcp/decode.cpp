#include "subsystem/tcp/decode.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace khelp::tcp {

namespace {

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

  bool holds(size_t bytes) const { return captured.size() >= bytes; }
  uint8_t u8(size_t at) const { return captured[at]; }
  uint16_t u16(size_t at) const {
    return static_cast<uint16_t>(captured[at] << 8 | captured[at + 1]);
  }
  uint32_t u32(size_t at) const { return static_cast<uint32_t>(u16(at)) << 16 | u16(at + 2); }
  view skip(size_t bytes) const {
    return {captured.subspan(bytes), length - static_cast<uint32_t>(bytes)};
  }
  /// Only the first `bytes`: what follows an IP packet in its frame is padding.
  view first(uint32_t bytes) const {
    return {captured.first(std::min<size_t>(captured.size(), bytes)), bytes};
  }
};

constexpr uint8_t protocol_tcp = 6;

// ---- TCP ----

enum tcp_option : uint8_t {
  option_end = 0,
  option_nop = 1,
  option_mss = 2,
  option_window_scale = 3,
  option_sack_permitted = 4,
  option_sack = 5,
  option_timestamps = 8,
  option_signature = 19,
  option_fast_open = 34,
};

void read_sacks(const view& blocks, segment_options& out) {
  out.present |= KHELP_TOF_SACK;
  out.sack_count =
      static_cast<uint8_t>(std::min<size_t>(blocks.captured.size() / 8, KHELP_TCP_MAX_SACKS));
  for (size_t i = 0; i < out.sack_count; ++i)
    out.sacks[i] = {blocks.u32(i * 8), blocks.u32(i * 8 + 4)};
}

/// One option whose length byte was checked. A wrong length for its kind: ignored, as FreeBSD does.
void read_option(uint8_t kind, const view& body, bool syn, segment_options& out) {
  const size_t size = body.captured.size();
  switch (kind) {
    case option_mss:
      if (syn && size == 2) {
        out.present |= KHELP_TOF_MSS;
        out.mss = body.u16(0);
      }
      break;
    case option_window_scale:
      if (syn && size == 1) {
        out.present |= KHELP_TOF_SCALE;
        out.window_scale = std::min<uint8_t>(body.u8(0), 14);
      }
      break;
    case option_sack_permitted:
      if (syn && size == 0)
        out.present |= KHELP_TOF_SACKPERM;
      break;
    case option_sack:
      if (size != 0 && size % 8 == 0)
        read_sacks(body, out);
      break;
    case option_timestamps:
      if (size == 8) {
        out.present |= KHELP_TOF_TS;
        out.tsval = body.u32(0);
        out.tsecr = body.u32(4);
      }
      break;
    case option_signature:
      if (size == 16)
        out.present |= KHELP_TOF_SIGNATURE;
      break;
    case option_fast_open:
      if (syn)
        out.present |= KHELP_TOF_FASTOPEN;
      break;
    default:
      break;
  }
}

void read_options(view options, bool syn, segment_options& out) {
  while (options.holds(1)) {
    const uint8_t kind = options.u8(0);
    if (kind == option_end)
      return;
    if (kind == option_nop) {
      options = options.skip(1);
      continue;
    }
    if (options.length < 2) {
      out.damaged = true;
      return;
    }
    if (!options.holds(2))
      return;  // cut by the snap length
    const uint8_t size = options.u8(1);
    if (size < 2 || size > options.length) {
      out.damaged = true;
      return;
    }
    if (!options.holds(size))
      return;
    read_option(kind, options.first(size).skip(2), syn, out);
    options = options.skip(size);
  }
}

/// `packet` is the IP packet's payload; its length comes from the IP header.
decoded decode_tcp(const view& packet, segment& out) {
  constexpr size_t fixed_header = 20;
  if (packet.length < fixed_header)
    return malformed("the IP packet is too short for a TCP header");
  if (!packet.holds(fixed_header))
    return cut;

  out.header_words = packet.u8(12) >> 4;
  const size_t header = out.header_words * size_t{4};
  if (header < fixed_header)
    return malformed("the TCP header length is below 20");
  if (header > packet.length)
    return malformed("the TCP header is longer than its packet");

  out.source_port = packet.u16(0);
  out.destination_port = packet.u16(2);
  out.seq = packet.u32(4);
  out.ack = packet.u32(8);
  out.reserved_bits = packet.u8(12) & 0x0f;
  out.flags = packet.u8(13);
  out.window = packet.u16(14);
  out.checksum = packet.u16(16);
  out.urgent = packet.u16(18);
  out.payload = packet.length - static_cast<uint32_t>(header);
  out.shown = out.payload;
  out.options = {};
  read_options(packet.first(static_cast<uint32_t>(header)).skip(fixed_header),
               out.has(KHELP_TH_SYN), out.options);
  return is_tcp;
}

// ---- IP ----

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

// ---- what lies below IP ----

enum ethertype : uint16_t {
  ethertype_ipv4 = 0x0800,
  ethertype_vlan = 0x8100,
  ethertype_ipv6 = 0x86dd,
  ethertype_pppoe_session = 0x8864,
  ethertype_provider_vlan = 0x88a8,
  ethertype_old_vlan_1 = 0x9100,
  ethertype_old_vlan_2 = 0x9200,
};

/// What is said of the network itself, and protocols that carry no IP.
decoded decode_other_ethertype(uint16_t type) {
  switch (type) {
    case 0x0806:  // ARP
    case 0x0842:  // Wake-on-LAN
    case 0x6003:  // DECnet
    case 0x8035:  // RARP
    case 0x809b:  // AppleTalk
    case 0x80f3:  // AppleTalk ARP
    case 0x8137:  // IPX
    case 0x8809:  // LACP and other slow protocols
    case 0x8863:  // PPPoE discovery
    case 0x888e:  // 802.1X
    case 0x8892:  // PROFINET
    case 0x88a2:  // ATA over Ethernet
    case 0x88a4:  // EtherCAT
    case 0x88b8:  // GOOSE
    case 0x88ba:  // sampled values
    case 0x88c7:  // 802.11 pre-authentication
    case 0x88cc:  // LLDP
    case 0x88e1:  // HomePlug management
    case 0x88f5:  // MVRP
    case 0x88f7:  // PTP
    case 0x8902:  // CFM
    case 0x8906:  // Fibre Channel
    case 0x890d:  // 802.11 TDLS
    case 0x8914:  // Fibre Channel's initialization
    case 0x8915:  // RDMA
    case 0x9000:  // loopback test
      return not_tcp;
    default:
      return passed_over(not_followed::ethertype);
  }
}

decoded decode_other_ppp(uint16_t protocol) {
  constexpr uint16_t first_control_protocol = 0x4000;
  switch (protocol) {
    case 0x0023:  // OSI
    case 0x0029:  // AppleTalk
    case 0x002b:  // IPX
    case 0x003f:  // NetBIOS
      return not_tcp;
    default:
      return protocol >= first_control_protocol ? not_tcp : passed_over(not_followed::ppp);
  }
}

decoded decode_pppoe(const view& packet, segment& out) {
  constexpr size_t header = 6;
  constexpr uint16_t ppp_ipv4 = 0x0021;
  constexpr uint16_t ppp_ipv6 = 0x0057;
  if (packet.length < header + 2)
    return malformed("the frame is too short for a PPPoE session header");
  if (!packet.holds(header + 2))
    return cut;
  if (packet.u8(0) != 0x11)
    return malformed("not version 1, type 1 where PPPoE was announced");
  if (packet.u8(1) != 0)
    return not_tcp;  // discovery
  switch (packet.u16(header)) {
    case ppp_ipv4:
      return decode_ipv4(packet.skip(header + 2), out);
    case ppp_ipv6:
      return decode_ipv6(packet.skip(header + 2), out);
    default:
      return decode_other_ppp(packet.u16(header));
  }
}

/// An IEEE 802.2 header, where a length or a protocol number stood instead of a type. IP lies behind
/// a SNAP header.
decoded decode_llc(const view& packet, segment& out) {
  constexpr std::array<uint8_t, 6> snap{0xaa, 0xaa, 0x03, 0, 0, 0};
  if (packet.length < 2)
    return malformed("the frame is too short for an IEEE 802.2 header");
  if (!packet.holds(2))
    return cut;
  const uint16_t access_points = packet.u16(0);
  if (access_points == 0x4242 || access_points == 0xe0e0 || access_points == 0xf0f0 ||
      access_points == 0xfefe || access_points == 0xffff)
    return not_tcp;  // spanning tree, IPX, NetBIOS, OSI, IPX without a header
  if (access_points != 0xaaaa || packet.length < snap.size() + 2)
    return passed_over(not_followed::llc);
  if (!packet.holds(snap.size() + 2))
    return cut;
  if (!std::equal(snap.begin(), snap.end(), packet.captured.begin()))
    return passed_over(not_followed::llc);
  switch (const uint16_t type = packet.u16(snap.size())) {
    case ethertype_ipv4:
      return decode_ipv4(packet.skip(snap.size() + 2), out);
    case ethertype_ipv6:
      return decode_ipv6(packet.skip(snap.size() + 2), out);
    default:
      return decode_other_ethertype(type);
  }
}

/// What an EtherType announces. `packet` begins behind it.
decoded decode_ethertype(uint16_t type, view packet, segment& out) {
  bool tagged = false;
  while (type == ethertype_vlan || type == ethertype_provider_vlan ||
         type == ethertype_old_vlan_1 || type == ethertype_old_vlan_2) {
    if (packet.length < 4)
      return malformed("the frame is too short for a VLAN tag");
    if (!packet.holds(4))
      return cut;
    if (!tagged)
      out.vlan = packet.u16(0) & 0x0fff;
    tagged = true;
    type = packet.u16(2);
    packet = packet.skip(4);
  }
  constexpr uint16_t largest_802_3_length = 1500;
  if (type <= largest_802_3_length)
    return decode_llc(packet, out);
  switch (type) {
    case ethertype_ipv4:
      return decode_ipv4(packet, out);
    case ethertype_ipv6:
      return decode_ipv6(packet, out);
    case ethertype_pppoe_session:
      return decode_pppoe(packet, out);
    default:
      return decode_other_ethertype(type);
  }
}

/// A link header of `header` bytes with an EtherType at `type_at`.
decoded decode_typed(const view& packet, size_t header, size_t type_at, segment& out) {
  if (packet.length < header)
    return malformed("the frame is too short for its link header");
  if (!packet.holds(header))
    return cut;
  return decode_ethertype(packet.u16(type_at), packet.skip(header), out);
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
      return decode_typed(whole, 16, 14, out);
    case link_layer::linux_cooked2:
      return decode_typed(whole, 20, 0, out);
    case link_layer::null:
      return decode_null(whole, out);
    case link_layer::pppoe:
      return decode_pppoe(whole, out);
  }
  return not_tcp;
}

}  // namespace khelp::tcp
