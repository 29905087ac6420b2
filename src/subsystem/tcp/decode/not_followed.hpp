/// What a capture held that may be TCP and was not followed, by reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace khelp::tcp {

/// Why a frame was not followed. A frame that is known to hold no TCP (ARP, UDP) has no reason.
enum class not_followed : uint8_t {
  block,      ///< a block of the capture file whose type is not known: it may have held a frame
  cut,        ///< the snap length cut it before the end of its TCP header
  encrypted,  ///< an encapsulating security payload, a protected IEEE 802.11 frame
  ethertype,  ///< an EtherType that decode() does not know
  fragments_crowded,      ///< pieces of IP packets: too many packets, or pieces of one, at once
  fragments_missing,      ///< the packet's other pieces have not come
  fragments_overlapping,  ///< pieces overlap, or do not agree on where the packet ends
  fragments_repeated,     ///< the piece has come before
  fragments_tiny,         ///< the TCP header is spread over pieces
  gre,                    ///< generic routing encapsulation
  ip_in_ip,               ///< IPv4 or IPv6 in IPv4 or IPv6
  ip_protocol,            ///< an IP protocol that decode() does not know
  link_type,              ///< its interface's link type is one that decode() does not know
  llc,                    ///< an IEEE 802.2 header that names no EtherType
  mpls,                   ///< labels
  ppp,         ///< a PPP protocol that decode() does not know: compressed headers, encryption
  tunnel,      ///< another tunnel: L2TP, EtherIP, MPLS in IP, minimal encapsulation
  udp_tunnel,  ///< VXLAN, Geneve, GTP, by the port that is assigned to them
  wireless,    ///< a fragment of an IEEE 802.11 frame, or several frames in one
};

/// How reports call a reason.
struct not_followed_text {
  const char* key;   ///< JSON. The enumerators' names, and in their order: the alphabet's
  const char* text;  ///< after "5 frames"
};

inline constexpr std::array not_followed_texts{
    not_followed_text{"block", "in blocks of an unknown type"},
    not_followed_text{"cut", "cut before the end of their headers"},
    not_followed_text{"encrypted", "encrypted"},
    not_followed_text{"ethertype", "of an unknown EtherType"},
    not_followed_text{"fragments_crowded", "of too many fragmented packets at once"},
    not_followed_text{"fragments_missing", "of packets that lack a fragment"},
    not_followed_text{"fragments_overlapping", "of packets whose fragments overlap"},
    not_followed_text{"fragments_repeated", "that repeat a fragment"},
    not_followed_text{"fragments_tiny", "of packets with tiny fragments"},
    not_followed_text{"gre", "in a GRE tunnel"},
    not_followed_text{"ip_in_ip", "of IP in IP"},
    not_followed_text{"ip_protocol", "of an unknown IP protocol"},
    not_followed_text{"link_type", "of an unknown link type"},
    not_followed_text{"llc", "of IEEE 802.2 without an EtherType"},
    not_followed_text{"mpls", "with MPLS labels"},
    not_followed_text{"ppp", "of an unknown PPP protocol"},
    not_followed_text{"tunnel", "in another tunnel"},
    not_followed_text{"udp_tunnel", "in a VXLAN, Geneve or GTP tunnel"},
    not_followed_text{"wireless", "of IEEE 802.11 in fragments or aggregates"},
};
static_assert(not_followed_texts.size() == static_cast<size_t>(not_followed::wireless) + 1);

/// Frames by reason.
class not_followed_counts {
 public:
  void add(not_followed why, uint64_t frames = 1) { counts_[static_cast<size_t>(why)] += frames; }
  uint64_t of(not_followed why) const { return counts_[static_cast<size_t>(why)]; }
  /// In the order of not_followed_texts.
  const std::array<uint64_t, not_followed_texts.size()>& by_reason() const { return counts_; }
  uint64_t all() const {
    uint64_t sum = 0;
    for (const uint64_t each : counts_)
      sum += each;
    return sum;
  }

 private:
  std::array<uint64_t, not_followed_texts.size()> counts_{};
};

}  // namespace khelp::tcp
