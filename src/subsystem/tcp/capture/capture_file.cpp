#include "subsystem/tcp/capture/capture_file.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "subsystem/tcp/capture/file_input.hpp"
#include "subsystem/tcp/capture/pcap_source.hpp"
#include "subsystem/tcp/capture/pcapng_source.hpp"

namespace khelp::tcp {

namespace {

using namespace std::string_view_literals;

struct compression {
  std::string_view magic;
  const char* name;
  const char* reader;
};

constexpr compression compressions[] = {
    {"\x1f\x8b"sv, "gzip", "zcat"},
    {"\x28\xb5\x2f\xfd"sv, "zstd", "zstdcat"},
    {"\xfd"
     "7zXZ\0"sv,
     "xz", "xzcat"},
    {"BZh"sv, "bzip2", "bzcat"},
    {"\x04\x22\x4d\x18"sv, "lz4", "lz4cat"},
};

const compression* compression_of(std::span<const uint8_t> beginning) {
  for (const compression& each : compressions) {
    if (beginning.size() >= each.magic.size() &&
        std::equal(each.magic.begin(), each.magic.end(), beginning.begin(),
                   [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }))
      return &each;
  }
  return nullptr;
}

/// As a shell takes it.
std::string quoted(const std::string& name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           "/._-+,:@%="sv.find(c) != std::string_view::npos;
  });
  if (plain && !name.empty())
    return name;
  std::string text = "'";
  for (const char c : name)
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

failure compressed(const std::string& name, const compression& how) {
  const std::string file = name == "-" ? "" : " " + quoted(name);
  return {ENOTSUP, name + ": compressed by " + how.name + ", which khelp does not read; use: " +
                       how.reader + file + " | khelp replay -"};
}

}  // namespace

result<std::unique_ptr<packet_source>> open_capture(const std::string& name) {
  auto opened = file_input::open(name);
  if (!opened)
    return failure(opened.error().code, name + ": " + opened.error().detail);
  auto beginning = (*opened)->beginning(6);
  if (!beginning)
    return failure(beginning.error().code, name + ": " + beginning.error().detail);
  if (const compression* how = compression_of(*beginning))
    return compressed(name, *how);
  if (pcapng_source::begins_with(*beginning))
    return pcapng_source::open(name, std::move(*opened));
  return pcap_source::open(name, std::move(*opened));
}

}  // namespace khelp::tcp
