// Packet decoding on arbitrary bytes, in the shape of a capture file so that captures are its
// corpus: a file header whose link type chooses the decoder, then records. Every frame lies in
// memory of exactly its captured size; what is found in it must lie inside.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

#include "subsystem/tcp/decode/decode.hpp"

namespace {

using khelp::tcp::link_layer;

std::uint32_t little_endian(const std::uint8_t* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return value;
}

void check_fragment(const khelp::tcp::fragment& piece) {
  if (piece.bytes == 0 || piece.offset + piece.bytes > 65535 || piece.headers > piece.bytes)
    std::abort();
}

void check(const khelp::tcp::segment& seg) {
  if (seg.header_words < 5 || seg.shown > seg.payload ||
      seg.options.sack_count > KHELP_TCP_MAX_SACKS)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t file_header = 24;
  constexpr std::size_t record_header = 16;
  if (size < file_header)
    return 0;
  const auto link = static_cast<link_layer>(data[20] % khelp::tcp::link_layers);
  for (std::size_t at = file_header; size - at > record_header;) {
    const std::size_t rest = size - at - record_header;
    const std::size_t captured = std::min<std::size_t>(little_endian(data + at + 8), rest);
    const std::uint32_t length = little_endian(data + at + 12);
    const std::unique_ptr<std::uint8_t[]> frame(new std::uint8_t[captured]);
    std::memcpy(frame.get(), data + at + record_header, captured);
    khelp::tcp::segment seg;
    const auto found = khelp::tcp::decode(link, {frame.get(), captured}, length, seg);
    if (found.what == khelp::tcp::verdict::tcp)
      check(seg);
    if (found.what == khelp::tcp::verdict::fragment)
      check_fragment(seg.piece);
    at += record_header + captured;
  }
  return 0;
}
