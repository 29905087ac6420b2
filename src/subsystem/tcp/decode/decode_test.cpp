#include "subsystem/tcp/decode/decode.hpp"

#include <cstring>
#include <gtest/gtest.h>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "subsystem/tcp/capture/frame_builder.hpp"

namespace khelp::tcp {
namespace {

using build::bytes;
using build::operator+;

/// A frame at the end of a page whose neighbour cannot be read: one byte too far is a fault.
class guarded_frame {
 public:
  explicit guarded_frame(const bytes& content) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t room = (content.size() + page) / page * page;
    size_ = room + page;
    base_ = static_cast<uint8_t*>(
        mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + room, page, PROT_NONE);
    if (!content.empty())
      std::memcpy(base_ + room - content.size(), content.data(), content.size());
    captured_ = {base_ + room - content.size(), content.size()};
  }
  guarded_frame(const guarded_frame&) = delete;
  guarded_frame& operator=(const guarded_frame&) = delete;
  ~guarded_frame() { munmap(base_, size_); }

  std::span<const uint8_t> captured() const { return captured_; }

 private:
  uint8_t* base_;
  size_t size_;
  std::span<const uint8_t> captured_;
};

struct outcome {
  verdict what;
  not_followed reason;
  std::string why;
  segment seg;
};

outcome decode_bytes(link_layer link, const bytes& frame) {
  const guarded_frame guarded(frame);
  segment seg;
  const decoded found = decode(link, guarded.captured(), static_cast<uint32_t>(frame.size()), seg);
  return {found.what, found.reason, found.why, seg};
}

const bytes data_segment = build::tcp({.payload = 10});

struct named_frame {
  const char* name;
  link_layer link;
  bytes frame;
  uint16_t vlan;
};

std::vector<named_frame> frames_of_every_link_type() {
  const bytes v4 = build::ipv4(data_segment);
  const bytes v6 = build::ipv6(data_segment);
  using enum link_layer;
  return {
      {"ethernet, IPv4", ethernet, build::ethernet(0x0800, v4), 0},
      {"ethernet, IPv6", ethernet, build::ethernet(0x86dd, v6), 0},
      {"ethernet, padded to 60 bytes and more", ethernet,
       build::ethernet(0x0800, v4) + bytes(20, 0xee), 0},
      {"ethernet, VLAN", ethernet, build::ethernet(0x8100, build::vlan(0x2007, 0x0800, v4)), 7},
      {"ethernet, QinQ", ethernet,
       build::ethernet(0x88a8, build::vlan(5, 0x8100, build::vlan(7, 0x86dd, v6))), 5},
      {"ethernet, PPPoE, IPv4", ethernet, build::ethernet(0x8864, build::pppoe(0x0021, v4)), 0},
      {"ethernet, PPPoE, IPv6", ethernet, build::ethernet(0x8864, build::pppoe(0x0057, v6)), 0},
      {"ethernet, PPPoE with a short protocol, IPv4", ethernet,
       build::ethernet(0x8864, build::pppoe_of(bytes{0x21} + v4)), 0},
      {"ethernet, PPPoE with a short protocol, IPv6", ethernet,
       build::ethernet(0x8864, build::pppoe_of(bytes{0x57} + v6)), 0},
      {"ethernet, 802.3 with SNAP", ethernet,
       build::ethernet(100, bytes{0xaa, 0xaa, 3, 0, 0, 0} + build::typed(0x0800, v4)), 0},
      {"raw IPv4", raw_ip, v4, 0},
      {"raw IPv6", raw_ip, v6, 0},
      {"Linux cooked", linux_cooked, bytes(14, 0) + build::typed(0x0800, v4), 0},
      {"Linux cooked, VLAN", linux_cooked,
       bytes(14, 0) + build::typed(0x8100, build::vlan(9, 0x0800, v4)), 9},
      {"Linux cooked 2", linux_cooked2, build::typed(0x86dd, bytes(18, 0)) + v6, 0},
      {"BSD null, little-endian", null, bytes{2, 0, 0, 0} + v4, 0},
      {"BSD null, big-endian", null, bytes{0, 0, 0, 2} + v4, 0},
      {"BSD null, NetBSD's IPv6", null, bytes{24, 0, 0, 0} + v6, 0},
      {"BSD null, FreeBSD's IPv6", null, bytes{0, 0, 0, 28} + v6, 0},
      {"BSD null, Darwin's IPv6", null, bytes{30, 0, 0, 0} + v6, 0},
      {"PPPoE without Ethernet", pppoe, build::pppoe(0x0021, v4), 0},
      {"PPPoE, protocol of one byte", pppoe, bytes{0x11, 0, 0, 1, 0, 51, 0x21} + v4, 0},
      {"PPP", ppp, build::typed(0x0021, v4), 0},
      {"PPP, address and control", ppp, bytes{0xff, 0x03, 0x00, 0x57} + v6, 0},
      {"PPP, protocol of one byte", ppp, bytes{0x21} + v4, 0},
      {"PPP, address and control, protocol of one byte", ppp, bytes{0xff, 0x03, 0x57} + v6, 0},
      {"PPP, Cisco's header", ppp, bytes{0x0f, 0x00, 0x08, 0x00} + v4, 0},
      {"PPP with side", ppp_with_side, bytes{1, 0xff, 0x03, 0x00, 0x21} + v4, 0},
      {"Cisco HDLC", cisco_hdlc, bytes{0x0f, 0x00} + build::typed(0x86dd, v6), 0},
      {"FDDI", fddi, bytes{0x50} + bytes(12, 2) + build::snap(0x0800, v4), 0},
      {"802.11", ieee80211, build::wireless({}, build::snap(0x0800, v4)), 0},
      {"802.11, QoS, four addresses", ieee80211,
       build::wireless({.kind = 0x88, .flags = 3}, build::snap(0x86dd, v6)), 0},
      {"radiotap", radiotap,
       bytes{0, 0, 8, 0, 0, 0, 0, 0} + build::wireless({}, build::snap(0x0800, v4)), 0},
      {"radiotap, fields, padding", radiotap,
       bytes{0, 0, 25, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0} + bytes(8, 9) + bytes{0x20} +
           build::wireless({.kind = 0x88, .padding = 2}, build::snap(0x0800, v4)),
       0},
      {"PPI", ppi, bytes{0, 0, 8, 0, 1, 0, 0, 0} + build::ethernet(0x0800, v4), 0},
      {"PPI, 802.11", ppi,
       bytes{0, 0, 12, 0, 105, 0, 0, 0, 1, 2, 3, 4} + build::wireless({}, build::snap(0x0800, v4)),
       0},
      {"pktap", pktap, bytes{16, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 'e', 'n', '0', 0} + v6, 0},
      {"NFLOG", netfilter_log,
       bytes{2, 0, 0, 7} + build::attribute(1, bytes(4, 0)) + build::attribute(10, bytes(5, 'x')) +
           build::attribute(9, v4),
       0},
      {"NFLOG, big-endian", netfilter_log,
       bytes{10, 0, 0, 7, 0, 8, 0, 1, 0, 0, 0, 0, 0, static_cast<uint8_t>(v6.size() + 4), 0, 9} +
           v6,
       0},
      {"pf log", packet_filter_log, bytes{61, 2} + bytes(62, 0) + v4, 0},
      {"pf log, IPv6", packet_filter_log, bytes{100, 24} + bytes(98, 0) + v6, 0},
  };
}

TEST(decode, finds_the_segment_behind_every_link_header) {
  for (const auto& each : frames_of_every_link_type()) {
    SCOPED_TRACE(each.name);
    const outcome found = decode_bytes(each.link, each.frame);
    ASSERT_EQ(found.what, verdict::tcp) << found.why;
    EXPECT_EQ(found.seg.source_port, 1000);
    EXPECT_EQ(found.seg.destination_port, 80);
    EXPECT_EQ(found.seg.seq, 100u);
    EXPECT_EQ(found.seg.ack, 200u);
    EXPECT_EQ(found.seg.window, 1024);
    EXPECT_EQ(found.seg.payload, 10u);
    EXPECT_EQ(found.seg.shown, 10u);
    EXPECT_EQ(found.seg.vlan, each.vlan);
  }
}

TEST(decode, keeps_addresses_as_on_the_wire) {
  const segment v4 = decode_bytes(link_layer::raw_ip, build::ipv4(data_segment)).seg;
  EXPECT_EQ(v4.ip_version, 4);
  EXPECT_EQ(v4.source, (std::array<uint8_t, 16>{10, 0, 0, 1}));
  EXPECT_EQ(v4.destination, (std::array<uint8_t, 16>{10, 0, 0, 2}));
  const segment v6 = decode_bytes(link_layer::raw_ip, build::ipv6(data_segment)).seg;
  EXPECT_EQ(v6.ip_version, 6);
  EXPECT_EQ(v6.source[15], 1);
  EXPECT_EQ(v6.destination[0], 0x20);
  EXPECT_EQ(v6.destination[15], 2);
}

TEST(decode, follows_ipv6_extension_headers) {
  bytes authentication(12, 0);
  authentication[0] = 6;
  authentication[1] = 1;  // (1 + 2) * 4 bytes
  const bytes only_fragment{6, 0, 0, 0, 0, 0, 0, 9};
  const std::vector<std::pair<uint8_t, bytes>> chains = {
      {0, build::extension(60, 8) + build::extension(43, 16) + build::extension(6, 24)},
      {44, only_fragment},
      {51, authentication},
      {135, build::extension(6, 8)},
  };
  for (const auto& [next, chain] : chains) {
    SCOPED_TRACE(static_cast<int>(next));
    const outcome found = decode_bytes(link_layer::raw_ip, build::ipv6(chain + data_segment, next));
    ASSERT_EQ(found.what, verdict::tcp) << found.why;
    EXPECT_EQ(found.seg.payload, 10u);
  }
}

const bytes authentication{6, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

TEST(decode, follows_authentication_headers_in_ipv4) {
  bytes two = authentication + authentication;
  two[0] = 51;
  for (const bytes& headers : {authentication, two}) {
    const outcome found =
        decode_bytes(link_layer::raw_ip, build::ipv4(headers + data_segment, {.protocol = 51}));
    ASSERT_EQ(found.what, verdict::tcp) << found.why;
    EXPECT_EQ(found.seg.source_port, 1000);
    EXPECT_EQ(found.seg.payload, 10u);
  }
}

/// An ACK without data in a frame of 60 bytes. Its IP header says nothing of its length, as before
/// segmentation offload.
const bytes ack_of_unsaid_length = build::ipv4(build::tcp({}), {.total_length = 0});

TEST(decode, what_lies_behind_the_length_of_a_layer_is_padding) {
  const bytes snap{0xaa, 0xaa, 3, 0, 0, 0, 8, 0};
  const std::pair<const char*, bytes> cases[] = {
      {"PPPoE", build::ethernet(0x8864, build::pppoe(0x0021, ack_of_unsaid_length))},
      {"802.3", build::ethernet(48, snap + ack_of_unsaid_length)},
      {"802.3 behind a tag",
       build::ethernet(0x8100, build::vlan(7, 48, snap + ack_of_unsaid_length))},
  };
  for (const auto& [name, frame] : cases) {
    const outcome found = decode_bytes(link_layer::ethernet, frame + bytes(6, 0xee));
    ASSERT_EQ(found.what, verdict::tcp) << name << found.why;
    EXPECT_EQ(found.seg.payload, 0u) << name;
  }
}

TEST(decode, a_layers_length_may_exceed_a_frame_that_was_cut_by_a_tool) {
  bytes frame = build::ethernet(0x8864, build::pppoe(0x0021, build::ipv4(data_segment)));
  frame.resize(frame.size() - 4);
  const outcome found = decode_bytes(link_layer::ethernet, frame);
  ASSERT_EQ(found.what, verdict::tcp) << found.why;
  EXPECT_EQ(found.seg.payload, 10u);
  EXPECT_EQ(found.seg.shown, 6u);
}

TEST(decode, takes_the_length_of_big_tcp_from_the_frame_or_the_jumbo_option) {
  const bytes big = build::tcp({.payload = 70000});
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, build::ipv4(big, {.total_length = 0})).seg.payload,
            70000u);
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, build::ipv6(big, 6, 0)).seg.payload, 70000u);

  const auto jumbo = [&](uint32_t announced) {
    bytes hop_by_hop{6, 0, 0xc2, 4};
    build::put32(hop_by_hop, announced);
    return decode_bytes(link_layer::raw_ip, build::ipv6(hop_by_hop + big, 0, 0));
  };
  EXPECT_EQ(jumbo(70028).seg.payload, 70000u);
  EXPECT_EQ(jumbo(70018).seg.payload, 69990u);
  EXPECT_EQ(jumbo(70029).what, verdict::malformed);
  EXPECT_EQ(jumbo(1000).what, verdict::malformed);
}

TEST(decode, knows_the_payload_that_the_snap_length_cut) {
  const bytes whole = build::ethernet(0x0800, build::ipv4(build::tcp({.payload = 1400})));
  const guarded_frame snapped(bytes(whole.begin(), whole.begin() + 54));
  segment seg;
  const decoded found =
      decode(link_layer::ethernet, snapped.captured(), static_cast<uint32_t>(whole.size()), seg);
  ASSERT_EQ(found.what, verdict::tcp) << found.why;
  EXPECT_EQ(seg.payload, 1400u);
  EXPECT_EQ(seg.shown, 1400u);
}

TEST(decode, believes_a_checksummed_length_over_that_of_a_cut_frame) {
  const bytes whole = build::ipv4(build::tcp({.payload = 1448}));
  const bytes cut(whole.begin(), whole.begin() + 94);
  const outcome found = decode_bytes(link_layer::raw_ip, cut);
  ASSERT_EQ(found.what, verdict::tcp) << found.why;
  EXPECT_EQ(found.seg.payload, 1448u);
  EXPECT_EQ(found.seg.shown, 54u);

  const outcome damaged = decode_bytes(
      link_layer::raw_ip, build::ipv4(data_segment, {.total_length = 900, .good_checksum = false}));
  EXPECT_EQ(damaged.what, verdict::malformed);
  EXPECT_EQ(damaged.why, "the IPv4 total length exceeds the frame");
}

TEST(decode, tells_other_traffic_from_malformed_frames) {
  using enum link_layer;
  const bytes discovery{0x11, 9, 0, 0, 0, 0, 0, 0};
  const std::vector<std::pair<link_layer, bytes>> others = {
      {ethernet, build::ethernet(0x0806, bytes(28, 0))},
      {ethernet, build::ethernet(0x0800, build::ipv4(bytes(20, 0), {.protocol = 17}))},
      {ethernet, build::ethernet(60, bytes(60, 0x42))},
      {ethernet, build::ethernet(0x8864, discovery)},
      {raw_ip, build::ipv6(bytes(20, 0), 17)},
      {raw_ip, build::ipv6({}, 59)},
      {null, bytes{7, 0, 0, 0} + data_segment},
      {ieee80211, bytes{0x80, 0} + bytes(40, 0)},           // a beacon
      {ieee80211, bytes{0xd4, 0} + bytes(8, 0)},            // an acknowledgement
      {ieee80211, build::wireless({.kind = 0x48}, {})},     // no data
      {fddi, bytes{0x41} + bytes(40, 0)},                   // what stations tell each other
      {pktap, bytes{12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}},  // nothing captured
      {netfilter_log, bytes{7, 0, 0, 0} + build::attribute(9, bytes(28, 0))},  // ARP
      {netfilter_log, bytes{2, 0, 0, 0} + build::attribute(1, bytes(4, 0))},
      {packet_filter_log, bytes{4, 18, 0, 0} + bytes(40, 0)},
      {cisco_hdlc, bytes{0x8f, 0, 0x80, 0x35} + bytes(18, 0)},  // keep-alive
      {pppoe, build::pppoe(0xc021, bytes(8, 0))},
      {pppoe, build::pppoe(0x002b, bytes(8, 0))},
  };
  for (const auto& [link, frame] : others)
    EXPECT_EQ(decode_bytes(link, frame).what, verdict::not_tcp);
}

bytes of_protocol(uint8_t protocol) {
  return build::ipv4(bytes(40, 0), {.protocol = protocol});
}

TEST(decode, says_why_it_does_not_look_further_into_what_may_be_tcp) {
  using enum link_layer;
  const struct {
    link_layer link;
    bytes frame;
    not_followed why;
  } cases[] = {
      {ethernet, build::ethernet(0x88e5, bytes(60, 0)), not_followed::ethertype},
      {ethernet, build::ethernet(0x8100, build::vlan(7, 0x88e5, bytes(60, 0))),
       not_followed::ethertype},
      {ethernet, build::ethernet(100, bytes(100, 0x06)), not_followed::llc},
      {ethernet, build::ethernet(100, bytes{0xaa, 0xaa, 3, 0, 0, 0xf8} + bytes(94, 0)),
       not_followed::llc},
      {ethernet, build::ethernet(100, bytes{0xaa, 0xaa, 3, 0, 0, 0} + build::typed(0x88e5, {})),
       not_followed::ethertype},
      {ethernet, build::ethernet(0x8847, bytes{0, 1, 1, 64} + build::ipv4(data_segment)),
       not_followed::mpls},
      {raw_ip, of_protocol(4), not_followed::ip_in_ip},
      {raw_ip, of_protocol(41), not_followed::ip_in_ip},
      {raw_ip, of_protocol(47), not_followed::gre},
      {raw_ip, of_protocol(50), not_followed::encrypted},
      {raw_ip, of_protocol(97), not_followed::tunnel},
      {raw_ip, of_protocol(108), not_followed::ip_protocol},
      {raw_ip, build::ipv4(bytes{0xc3, 0x50, 0x12, 0xb5} + bytes(60, 0), {.protocol = 17}),
       not_followed::udp_tunnel},
      {raw_ip, build::ipv6(bytes(40, 0), 4), not_followed::ip_in_ip},
      {raw_ip, build::ipv6(build::extension(50, 8) + bytes(40, 0), 60), not_followed::encrypted},
      {unknown, build::ethernet(0x0800, build::ipv4(data_segment)), not_followed::link_type},
      {ppi, bytes{0, 0, 8, 0, 143, 0, 0, 0} + bytes(40, 0), not_followed::link_type},
      {ppi, bytes{0, 0, 8, 0, 192, 0, 0, 0} + bytes{0, 0, 8, 0, 1, 0, 0, 0},
       not_followed::link_type},
      {ieee80211, build::wireless({.flags = 0x41}, bytes(40, 0)), not_followed::encrypted},
      {ieee80211, build::wireless({.flags = 0x05}, bytes(40, 0)), not_followed::wireless},
      {ieee80211, build::wireless({.fragment = 1}, bytes(40, 0)), not_followed::wireless},
      {ieee80211, build::wireless({.kind = 0x88, .qos = 0x80}, bytes(40, 0)),
       not_followed::wireless},
      {ppp, bytes{0xff, 0x03, 0x00, 0x2d} + bytes(40, 0), not_followed::ppp},
      {pppoe, build::pppoe(0x002d, bytes(40, 0)), not_followed::ppp},
      {pppoe, build::pppoe_of(bytes{0x2d} + bytes(40, 0)), not_followed::ppp},
      {pppoe, build::pppoe(0x00fd, bytes(40, 0)), not_followed::ppp},
  };
  for (const auto& each : cases) {
    const outcome found = decode_bytes(each.link, each.frame);
    EXPECT_EQ(found.what, verdict::not_followed);
    EXPECT_EQ(found.reason, each.why);
  }
}

bytes ipv6_piece(uint16_t field, const bytes& payload, uint8_t next = 6) {
  bytes header{next, 0};
  build::put16(header, field);
  return build::ipv6(header + bytes{0, 0, 0, 9} + payload, 44);
}

TEST(decode, reads_a_first_fragment_with_what_it_carries) {
  const bytes ipv4 = build::ipv4(build::tcp({.payload = 12}), {.fragment = 0x2000});
  const bytes ipv6 = ipv6_piece(1, build::tcp({.payload = 12}));
  for (const bytes& frame : {ipv4, ipv6}) {
    const outcome found = decode_bytes(link_layer::raw_ip, frame);
    ASSERT_EQ(found.what, verdict::fragment) << found.why;
    EXPECT_EQ(found.seg.source_port, 1000);
    EXPECT_EQ(found.seg.piece.offset, 0);
    EXPECT_EQ(found.seg.piece.bytes, 32u);
    EXPECT_EQ(found.seg.piece.headers, 20);
    EXPECT_EQ(found.seg.piece.protocol, 6);
    EXPECT_TRUE(found.seg.piece.more);
  }
}

TEST(decode, reads_where_a_later_fragment_belongs) {
  const bytes ipv4 = build::ipv4(bytes(10, 0), {.fragment = 0x00b9});
  const bytes ipv6 = ipv6_piece(0x05c8, bytes(10, 0));
  for (const bytes& frame : {ipv4, ipv6}) {
    const outcome found = decode_bytes(link_layer::raw_ip, frame);
    ASSERT_EQ(found.what, verdict::fragment) << found.why;
    EXPECT_EQ(found.seg.piece.offset, 0x05c8);
    EXPECT_EQ(found.seg.piece.bytes, 10u);
    EXPECT_FALSE(found.seg.piece.more);
    EXPECT_EQ(found.seg.source,
              decode_bytes(link_layer::raw_ip, frame[0] >> 4 == 4 ? build::ipv4(data_segment)
                                                                  : build::ipv6(data_segment))
                  .seg.source);
  }
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, ipv4).seg.piece.identification, 1u);
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, ipv6).seg.piece.identification, 9u);
}

TEST(decode, a_first_fragment_may_end_before_its_headers_do) {
  const outcome found =
      decode_bytes(link_layer::raw_ip, build::ipv4(bytes(16, 0), {.fragment = 0x2000}));
  ASSERT_EQ(found.what, verdict::fragment);
  EXPECT_EQ(found.seg.piece.headers, 0);
}

TEST(decode, a_fragment_of_one_is_the_whole_packet) {
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, ipv6_piece(0, data_segment)).what, verdict::tcp);
}

TEST(decode, fragments_of_other_protocols_are_other_traffic_or_tunnels) {
  for (const uint16_t field : {0x2000, 0x0010}) {
    EXPECT_EQ(decode_bytes(link_layer::raw_ip,
                           build::ipv4(bytes(16, 0), {.fragment = field, .protocol = 17}))
                  .what,
              verdict::not_tcp);
    EXPECT_EQ(decode_bytes(link_layer::raw_ip,
                           build::ipv4(bytes(16, 0), {.fragment = field, .protocol = 47}))
                  .reason,
              not_followed::gre);
  }
  EXPECT_EQ(decode_bytes(link_layer::raw_ip, ipv6_piece(0x10, bytes(16, 0), 17)).what,
            verdict::not_tcp);
}

TEST(decode, says_what_is_malformed) {
  using enum link_layer;
  const bytes v4 = build::ipv4(data_segment);
  const bytes v6 = build::ipv6(data_segment);
  bytes short_authentication = authentication;
  short_authentication[1] = 0;
  bytes long_authentication = authentication;
  long_authentication[1] = 200;
  const struct {
    link_layer link;
    bytes frame;
    const char* why;
  } cases[] = {
      {pppoe, bytes{0x11, 0, 0, 1, 0, 49} + build::typed(0x0021, v4),
       "the IPv4 total length exceeds the layer around it"},
      {pppoe, bytes{0x11, 0, 0, 1, 0, 50} + build::typed(0x0057, v6),
       "the IPv6 payload length exceeds the layer around it"},
      {pppoe, bytes{0x11, 0, 0, 1, 0, 1} + build::typed(0x0021, v4),
       "the PPPoE length leaves no room for a PPP protocol"},
      {ethernet, build::ethernet(50, bytes{0xaa, 0xaa, 3, 0, 0, 0, 8, 0} + v4),
       "the IPv4 total length exceeds the layer around it"},
      {raw_ip, build::ipv4({}, {.fragment = 0x2000}), "a fragment without data"},
      {raw_ip, build::ipv4(bytes(15, 0), {.fragment = 0x2000}),
       "a fragment in front of others whose length is no multiple of 8"},
      {raw_ip, build::ipv4(bytes(16, 0), {.fragment = 0x1fff}),
       "a fragment that reaches beyond the largest packet"},
      {raw_ip,
       build::ipv6(bytes{44, 0, 0, 1, 0, 0, 0, 9} + bytes{6, 0, 0, 1, 0, 0, 0, 9} +
                       build::tcp({.payload = 12}),
                   44),
       "a fragment within a fragment"},
      {raw_ip, build::ipv4(short_authentication + data_segment, {.protocol = 51}),
       "the authentication header's length is below 12"},
      {raw_ip, build::ipv4(long_authentication + data_segment, {.protocol = 51}),
       "the authentication header is longer than its packet"},
      {raw_ip, build::ipv6(bytes(8, 0), 51),
       "the IP packet is too short for its authentication header"},
      {ethernet, {}, "the frame is too short for its link header"},
      {ethernet, build::ethernet(0x0800, {}), "the frame is too short for an IPv4 header"},
      {ethernet, build::ethernet(0x8100, {1}), "the frame is too short for a VLAN tag"},
      {ethernet, build::ethernet(0x86dd, bytes(39, 0x60)),
       "the frame is too short for an IPv6 header"},
      {ethernet, build::ethernet(0x86dd, v4), "not version 6 where IPv6 was announced"},
      {ethernet, build::ethernet(0x8864, bytes(8, 0)),
       "not version 1, type 1 where PPPoE was announced"},
      {raw_ip, {}, "the frame is empty"},
      {raw_ip, bytes(40, 0x20), "neither version 4 nor 6 where IP was announced"},
      {raw_ip, build::ipv4(data_segment, {.total_length = 19}),
       "the IPv4 total length is below its header's"},
      {raw_ip, build::ipv4(bytes(19, 0)), "the IP packet is too short for a TCP header"},
      {raw_ip, build::ipv4(build::tcp({.header_words = 4})), "the TCP header length is below 20"},
      {raw_ip, build::ipv4(build::tcp({.header_words = 6})),
       "the TCP header is longer than its packet"},
      {raw_ip, build::ipv6(data_segment, 6, 31), "the IPv6 payload length exceeds the frame"},
      {raw_ip, build::ipv6(build::extension(6, 8), 0),
       "the IP packet is too short for a TCP header"},
      {raw_ip, build::ipv6(bytes{6, 9, 0, 0, 0, 0, 0, 0}, 60),
       "an IPv6 extension header is longer than its packet"},
      {raw_ip, build::ipv6(bytes(7, 0), 60),
       "the IPv6 packet is too short for its extension headers"},
      {ppp, {0xff}, "the frame is too short for its link header"},
      {ppp, {0xff, 0x03}, "the frame is too short for a PPP protocol"},
      {ieee80211, bytes(9, 0), "the frame is too short for an IEEE 802.11 header"},
      {ieee80211, bytes(20, 0x08), "the frame is too short for an IEEE 802.11 header"},
      {ieee80211, bytes(40, 0x09), "not version 0 where IEEE 802.11 was announced"},
      {radiotap,
       {0, 0, 7, 0, 0, 0, 0, 0, 0},
       "the radiotap header's length does not fit the frame"},
      {radiotap, {0, 0, 9, 0, 3, 0, 0, 0, 0}, "the radiotap header is too short for its fields"},
      {radiotap, bytes{0, 0, 9, 0, 2, 0, 0, 0, 0x40} + build::wireless({}, {}),
       "received with errors, says its radiotap header"},
      {ppi, {0, 0, 200, 0, 1, 0, 0, 0}, "the PPI header's length does not fit the frame"},
      {pktap,
       {13, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0},
       "the pktap header's length does not fit the frame"},
      {netfilter_log, {2, 1, 0, 0}, "not version 0 where an NFLOG header was announced"},
      {netfilter_log,
       {2, 0, 0, 0, 3, 0, 9, 0},
       "an NFLOG attribute's length does not fit the frame"},
      {packet_filter_log, {61, 2, 0, 0}, "the pf log header's length does not fit the frame"},
  };
  for (const auto& each : cases) {
    const outcome found = decode_bytes(each.link, each.frame);
    EXPECT_EQ(found.what, verdict::malformed) << each.why;
    EXPECT_EQ(found.why, each.why);
  }
}

segment_options options_of(const bytes& options, uint8_t flags = KHELP_TH_ACK) {
  const outcome found =
      decode_bytes(link_layer::raw_ip,
                   build::ipv4(build::tcp({.flags = flags, .options = options, .payload = 3})));
  EXPECT_EQ(found.what, verdict::tcp) << found.why;
  EXPECT_EQ(found.seg.payload, 3u);
  segment_options kept = found.seg.options;
  return kept;
}

TEST(decode, reads_the_options_of_a_syn) {
  const bytes all = bytes{2, 4, 0x05, 0xb4, 4, 2, 3, 3, 7, 1} + build::timestamps(11, 22);
  const segment_options found = options_of(all, KHELP_TH_SYN);
  EXPECT_EQ(found.present, KHELP_TOF_MSS | KHELP_TOF_SACKPERM | KHELP_TOF_SCALE | KHELP_TOF_TS);
  EXPECT_EQ(found.mss, 1460);
  EXPECT_EQ(found.window_scale, 7);
  EXPECT_EQ(found.tsval, 11u);
  EXPECT_EQ(found.tsecr, 22u);
  EXPECT_EQ(options_of(all).present, KHELP_TOF_TS) << "MSS, scale and SACK belong to SYNs";
}

TEST(decode, reads_sack_blocks_in_the_order_of_the_wire) {
  const segment_options found =
      options_of(bytes{1, 1} + build::sacks({{500, 600}, {300, 400}, {100, 50}}));
  EXPECT_EQ(found.present, KHELP_TOF_SACK);
  ASSERT_EQ(found.sack_count, 3);
  EXPECT_EQ(found.sacks[0].start, 500u);
  EXPECT_EQ(found.sacks[1].end, 400u);
  EXPECT_EQ(found.sacks[2].end, 50u) << "inverted blocks are the engine's to judge";
}

TEST(decode, limits_a_window_scale_to_14) {
  EXPECT_EQ(options_of({3, 3, 200}, KHELP_TH_SYN).window_scale, 14);
}

TEST(decode, ignores_options_of_a_wrong_length_and_reads_on) {
  const bytes wrong_lengths[] = {{8, 9, 0, 0, 0, 0, 0, 0, 0},
                                 {5, 2},
                                 {5, 9, 0, 0, 0, 0, 0, 0, 0},
                                 {2, 3, 1},
                                 {3, 2},
                                 {4, 3, 0}};
  for (const auto& wrong : wrong_lengths) {
    const segment_options found = options_of(wrong + build::timestamps(1, 2), KHELP_TH_SYN);
    EXPECT_EQ(found.present, KHELP_TOF_TS);
    EXPECT_FALSE(found.damaged);
  }
}

TEST(decode, stops_at_an_option_that_cannot_be) {
  for (const auto& impossible :
       {bytes{8, 0, 1, 1}, bytes{8, 1, 1, 1}, bytes{8, 10, 0, 0}, bytes{1, 1, 1, 8}}) {
    const segment_options found = options_of(impossible);
    EXPECT_EQ(found.present, 0u);
    EXPECT_TRUE(found.damaged);
  }
  EXPECT_FALSE(options_of({0, 8, 0, 0}).damaged) << "nothing behind the end of options is read";
}

TEST(decode, reads_options_as_far_as_they_were_captured) {
  const bytes whole = build::ipv4(build::tcp(
      {.options = bytes{1, 1} + build::timestamps(1, 2) + bytes{1, 1} + build::sacks({{1, 2}})}));
  const guarded_frame snapped(bytes(whole.begin(), whole.begin() + 20 + 20 + 12 + 5));
  segment seg;
  const decoded found =
      decode(link_layer::raw_ip, snapped.captured(), static_cast<uint32_t>(whole.size()), seg);
  ASSERT_EQ(found.what, verdict::tcp) << found.why;
  EXPECT_EQ(seg.options.present, KHELP_TOF_TS);
  EXPECT_FALSE(seg.options.damaged);
}

TEST(decode, never_reads_beyond_what_was_captured) {
  const bytes options = bytes{1, 1} + build::timestamps(1, 2) + build::sacks({{1, 2}, {3, 4}});
  const bytes rich = build::tcp({.options = options, .payload = 4});
  auto frames = frames_of_every_link_type();
  frames.push_back({"options", link_layer::raw_ip, build::ipv4(rich, {.header_words = 15}), 0});
  frames.push_back({"extensions", link_layer::raw_ip,
                    build::ipv6(build::extension(60, 16) + build::extension(6, 8) + rich, 0), 0});
  for (const auto& each : frames) {
    SCOPED_TRACE(each.name);
    for (size_t captured = 0; captured <= each.frame.size(); ++captured) {
      const guarded_frame snapped(
          bytes(each.frame.begin(), each.frame.begin() + static_cast<ptrdiff_t>(captured)));
      segment seg;
      const decoded found =
          decode(each.link, snapped.captured(), static_cast<uint32_t>(each.frame.size()), seg);
      if (found.what == verdict::tcp) {
        EXPECT_EQ(seg.seq, 100u);
      } else {
        EXPECT_EQ(found.what, verdict::not_followed);
        EXPECT_EQ(found.reason, not_followed::cut);
      }
    }
  }
}

TEST(decode, survives_any_bytes) {
  std::mt19937 random(1);
  const auto frames = frames_of_every_link_type();
  uint64_t segments = 0;
  for (int batch = 0; batch < 20000; ++batch) {
    named_frame each = frames[random() % frames.size()];
    for (unsigned flips = random() % 8; flips > 0; --flips)
      each.frame[random() % each.frame.size()] = static_cast<uint8_t>(random());
    each.frame.resize(random() % (each.frame.size() + 1));
    const guarded_frame guarded(each.frame);
    segment seg;
    const auto length = static_cast<uint32_t>(each.frame.size() + random() % 100);
    const decoded found = decode(each.link, guarded.captured(), length, seg);
    if (found.what != verdict::tcp)
      continue;
    ++segments;
    EXPECT_LE(seg.shown, length);
    EXPECT_LE(seg.options.sack_count, KHELP_TCP_MAX_SACKS);
  }
  EXPECT_GT(segments, 100u) << "the mutants should include segments";
}

}  // namespace
}  // namespace khelp::tcp
