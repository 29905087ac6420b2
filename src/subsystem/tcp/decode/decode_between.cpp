#include <algorithm>
#include <array>

#include "subsystem/tcp/decode/decoding.hpp"

namespace khelp::tcp::decoding {

namespace {

enum ethertype : uint16_t {
  ethertype_ipv4 = 0x0800,
  ethertype_vlan = 0x8100,
  ethertype_ipv6 = 0x86dd,
  ethertype_pppoe_session = 0x8864,
  ethertype_provider_vlan = 0x88a8,
  ethertype_old_vlan_1 = 0x9100,
  ethertype_old_vlan_2 = 0x9200,
};

enum ppp_protocol : uint16_t {
  ppp_ipv4 = 0x0021,
  ppp_ipv6 = 0x0057,
};

/// What is said of the network itself, and protocols that carry no IP.
decoded decode_other_ethertype(uint16_t type) {
  switch (type) {
    case 0x0806:  // ARP
    case 0x0842:  // Wake-on-LAN
    case 0x2000:  // CDP
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
    case 0x8847:
    case 0x8848:  // multicast
      return passed_over(not_followed::mpls);
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

}  // namespace

decoded decode_ppp(const view& packet, segment& out) {
  if (const auto why = unreadable(packet, 1, "the frame is too short for a PPP protocol"))
    return *why;
  // The first byte of two is even (RFC 1661 section 2).
  const size_t size = (packet.u8(0) & 1) != 0 ? 1 : 2;
  if (const auto why = unreadable(packet, size, "the frame is too short for a PPP protocol"))
    return *why;
  const uint16_t protocol = size == 1 ? packet.u8(0) : packet.u16(0);
  switch (protocol) {
    case ppp_ipv4:
      return decode_ipv4(packet.skip(size), out);
    case ppp_ipv6:
      return decode_ipv6(packet.skip(size), out);
    default:
      return decode_other_ppp(protocol);
  }
}

decoded decode_pppoe(const view& frame, segment& out) {
  constexpr size_t header = 6;
  if (const auto why =
          unreadable(frame, header + 2, "the frame is too short for a PPPoE session header"))
    return *why;
  if (frame.u8(0) != 0x11)
    return malformed("not version 1, type 1 where PPPoE was announced");
  if (frame.u8(1) != 0)
    return not_tcp;  // discovery
  const view packet = frame.skip(header).within(frame.u16(4));
  if (packet.length < 2)
    return malformed("the PPPoE length leaves no room for a PPP protocol");
  return decode_ppp(packet, out);
}

decoded decode_llc(const view& packet, segment& out) {
  constexpr std::array<uint8_t, 6> snap{0xaa, 0xaa, 0x03, 0, 0, 0};
  if (const auto why = unreadable(packet, 2, "the frame is too short for an IEEE 802.2 header"))
    return *why;
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
    return decode_llc(packet.within(type), out);
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

}  // namespace khelp::tcp::decoding
