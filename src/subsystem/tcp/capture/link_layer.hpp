/// The link types whose frames can hold TCP segments for us.
#pragma once

#include <cstdint>
#include <string>

namespace khelp::tcp {

/// What a frame begins with.
enum class link_layer : uint8_t {
  unknown,  ///< nothing is known of it
  ethernet,
  raw_ip,             ///< an IPv4 or IPv6 header
  linux_cooked,       ///< "any" device, 16-byte header
  linux_cooked2,      ///< the same, 20-byte header
  null,               ///< BSD loopback: address family in 4 bytes of either order
  pppoe,              ///< PPPoE session header
  ppp,                ///< HDLC address and control, which may be left out; protocol
  ppp_with_side,      ///< a byte that says who sent it, then as ppp
  cisco_hdlc,         ///< address, control, EtherType
  fddi,               ///< frame control, addresses, IEEE 802.2
  ieee80211,          ///< IEEE 802.11
  radiotap,           ///< radiotap header, then IEEE 802.11
  ppi,                ///< per-packet information: a header that names the link type of what follows
  pktap,              ///< Darwin's pktap: the same
  netfilter_log,      ///< Linux NFLOG: attributes, of which one is an IP packet
  packet_filter_log,  ///< OpenBSD's and FreeBSD's pf: a header, then an IP packet
};

inline constexpr unsigned link_layers = static_cast<unsigned>(link_layer::packet_filter_log) + 1;

/// By its number in capture files.
/// Source   the registry of LINKTYPE_ values of tcpdump.org, and DLT_ values that were written
///          instead of them.
link_layer link_layer_of(uint32_t link_type);

/// libpcap's name for it: "EN10MB"; "link type 9999" where it has none.
std::string link_name_of(uint32_t link_type);

}  // namespace khelp::tcp
