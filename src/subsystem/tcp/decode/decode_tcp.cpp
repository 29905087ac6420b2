#include <algorithm>

#include "subsystem/tcp/decode/decoding.hpp"

namespace khelp::tcp::decoding {

namespace {

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

}  // namespace

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

}  // namespace khelp::tcp::decoding
