// Reading pcapng files on arbitrary bytes. What it delivers must lie in the file; how the bytes come
// must make no difference.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "subsystem/tcp/capture/pcapng_builder.hpp"
#include "subsystem/tcp/capture/pcapng_source.hpp"

namespace {

using bytes = std::vector<std::uint8_t>;
using khelp::tcp::packet_source;

std::unique_ptr<packet_source> source_of(const bytes& file, std::size_t chunk) {
  auto opened = khelp::tcp::pcapng_source::open(
      "fuzz", std::make_unique<khelp::tcp::build::chunked_input>(file, chunk));
  return opened ? std::move(*opened) : nullptr;
}

void expect(bool sound) {
  if (!sound)
    std::abort();
}

/// 1: a packet, 0: the end, -1: damage.
int read(packet_source& source, khelp::tcp::frame& packet) {
  const auto more = source.next(packet);
  return more ? static_cast<int>(*more) : -1;
}

/// Each byte of it is touched, where a sanitizer sees that.
unsigned sum_of(const khelp::tcp::frame& packet) {
  unsigned sum = 0;
  for (const std::uint8_t byte : packet.captured)
    sum += byte;
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes file(data, data + size);
  const auto whole = source_of(file, size + 1);
  const auto pieces = source_of(file, size % 61 + 1);
  expect((whole == nullptr) == (pieces == nullptr));
  if (whole == nullptr)
    return 0;
  for (std::size_t packets = 0;; ++packets) {
    khelp::tcp::frame one;
    khelp::tcp::frame other;
    const int found = read(*whole, one);
    expect(found == read(*pieces, other) && packets <= size);
    if (found != 1)
      break;
    expect(one.captured.size() <= size && one.length >= one.captured.size() && one.when_ns >= 0);
    expect(one.captured.size() == other.captured.size() && one.when_ns == other.when_ns &&
           one.timed == other.timed && sum_of(one) == sum_of(other));
  }
  expect(whole->link_name() == pieces->link_name() &&
         whole->skipped_blocks() == pieces->skipped_blocks());
  return 0;
}
