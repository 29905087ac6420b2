/// For tests: frames put together header by header, innermost first.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <vector>

#include <khelp/tcp.h>

namespace khelp::tcp::build {

using bytes = std::vector<uint8_t>;

inline void put16(bytes& out, uint32_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

inline void put32(bytes& out, uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

inline bytes operator+(bytes left, const bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

struct tcp_fields {
  uint16_t source_port = 1000;
  uint16_t destination_port = 80;
  uint32_t seq = 100;
  uint32_t ack = 200;
  uint8_t flags = KHELP_TH_ACK;
  bytes options = {};
  uint32_t payload = 0;
  uint8_t header_words = 0;  ///< 0: what the options need
};

/// A TCP segment whose payload is zeros.
inline bytes tcp(const tcp_fields& fields) {
  bytes options = fields.options;
  while (options.size() % 4 != 0)
    options.push_back(0);
  const size_t words = fields.header_words != 0 ? fields.header_words : 5 + options.size() / 4;
  bytes out;
  put16(out, fields.source_port);
  put16(out, fields.destination_port);
  put32(out, fields.seq);
  put32(out, fields.ack);
  out.push_back(static_cast<uint8_t>(words << 4));
  out.push_back(fields.flags);
  put16(out, 1024);  // window
  put32(out, 0);     // checksum, urgent pointer
  return out + options + bytes(fields.payload, 0);
}

inline bytes timestamps(uint32_t tsval, uint32_t tsecr) {
  bytes out{8, 10};
  put32(out, tsval);
  put32(out, tsecr);
  return out;
}

inline bytes sacks(std::initializer_list<khelp_tcp_range> blocks) {
  bytes out{5, static_cast<uint8_t>(2 + blocks.size() * 8)};
  for (const auto& block : blocks) {
    put32(out, block.start);
    put32(out, block.end);
  }
  return out;
}

struct ipv4_fields {
  int total_length = -1;  ///< -1: the true one
  uint16_t fragment = 0;  ///< flags and offset
  uint8_t protocol = 6;
  uint8_t header_words = 5;
  uint8_t version = 4;
  bool good_checksum = true;
};

/// 10.0.0.1 to 10.0.0.2.
inline bytes ipv4(const bytes& payload, const ipv4_fields& fields = {}) {
  const size_t header = fields.header_words * size_t{4};
  const size_t total =
      fields.total_length >= 0 ? static_cast<size_t>(fields.total_length) : header + payload.size();
  bytes out{static_cast<uint8_t>(fields.version << 4 | fields.header_words), 0};
  put16(out, static_cast<uint32_t>(total));
  put16(out, 1);
  put16(out, fields.fragment);
  out = out + bytes{64, fields.protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  while (out.size() < header)
    out.push_back(1);  // no-operation options
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < out.size(); i += 2)
    sum += static_cast<uint32_t>(out[i] << 8 | out[i + 1]);
  sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
  if (!fields.good_checksum)
    sum ^= 0x5555;
  out[10] = static_cast<uint8_t>(sum >> 8);
  out[11] = static_cast<uint8_t>(sum);
  return out + payload;
}

/// 2001:db8::1 to 2001:db8::2.
inline bytes ipv6(const bytes& payload, uint8_t next = 6, int payload_length = -1) {
  bytes out{0x60, 0, 0, 0};
  put16(out, payload_length >= 0 ? static_cast<uint32_t>(payload_length)
                                 : static_cast<uint32_t>(payload.size()));
  out = out + bytes{next, 64};
  for (uint8_t host : {uint8_t{1}, uint8_t{2}})
    out = out + bytes{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, host};
  return out + payload;
}

/// An IPv6 extension header of `size` bytes (a multiple of 8) that counts its size in 8-byte units.
inline bytes extension(uint8_t next, size_t size) {
  bytes out(size, 0);
  out[0] = next;
  out[1] = static_cast<uint8_t>(size / 8 - 1);
  return out;
}

inline bytes typed(uint16_t type, const bytes& payload) {
  bytes out;
  put16(out, type);
  return out + payload;
}

inline bytes ethernet(uint16_t type, const bytes& payload) {
  return bytes{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1} + typed(type, payload);
}

/// What lies between an outer type and the next: the tag's control information, then the inner
/// type.
inline bytes vlan(uint16_t id, uint16_t type, const bytes& payload) {
  bytes out;
  put16(out, id);
  return out + typed(type, payload);
}

/// A PPPoE session's header before a PPP packet.
inline bytes pppoe_of(const bytes& packet) {
  bytes out{0x11, 0, 0, 1};
  put16(out, static_cast<uint32_t>(packet.size()));
  return out + packet;
}

inline bytes pppoe(uint16_t protocol, const bytes& payload) {
  return pppoe_of(typed(protocol, payload));
}

/// IEEE 802.2 with a SNAP header.
inline bytes snap(uint16_t type, const bytes& payload) {
  return bytes{0xaa, 0xaa, 3, 0, 0, 0} + typed(type, payload);
}

struct wireless_fields {
  uint8_t kind = 0x08;   ///< data
  uint8_t flags = 0x01;  ///< to the distribution system
  uint8_t fragment = 0;
  uint8_t qos = 0;
  size_t padding = 0;
};

/// An IEEE 802.11 frame.
inline bytes wireless(const wireless_fields& fields, const bytes& payload) {
  bytes out = bytes{fields.kind, fields.flags, 0, 0} + bytes(18, 2) + bytes{fields.fragment, 0};
  if ((fields.flags & 3) == 3)
    out = out + bytes(6, 2);
  if ((fields.kind & 0x80) != 0)
    out = out + bytes{fields.qos, 0};
  return out + bytes(fields.padding, 0) + payload;
}

/// An attribute of an NFLOG header, little-endian.
inline bytes attribute(uint8_t type, const bytes& value) {
  bytes out{static_cast<uint8_t>(value.size() + 4), static_cast<uint8_t>((value.size() + 4) >> 8),
            type, 0};
  out = out + value;
  while (out.size() % 4 != 0)
    out.push_back(0);
  return out;
}

}  // namespace khelp::tcp::build
