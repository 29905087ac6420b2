#include "app/cli/printable.hpp"

#include <cstddef>
#include <cstdint>
#include <fmt/format.h>

namespace khelp::app {
namespace {

struct character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;  ///< 0: no UTF-8 begins here
};

std::size_t length_by_first_byte(unsigned char first) {
  if (first < 0x80)
    return 1;
  if (first >= 0xc2 && first < 0xe0)
    return 2;
  if (first >= 0xe0 && first < 0xf0)
    return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/// As the Unicode standard has it: neither overlong forms nor surrogates nor codes beyond 10ffff.
character first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = length_by_first_byte(first);
  if (bytes <= 1)
    return {first, bytes};
  if (text.size() < bytes)
    return {};
  std::uint32_t code = first & (0x7fu >> bytes);
  for (const char next : text.substr(1, bytes - 1)) {
    const auto byte = static_cast<unsigned char>(next);
    if ((byte & 0xc0) != 0x80)
      return {};
    code = code << 6 | (byte & 0x3f);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  return overlong || surrogate || code > 0x10ffff ? character{} : character{code, bytes};
}

bool is_control(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

std::string escaped(std::string_view bytes) {
  if (bytes == "\n")
    return "\\n";
  if (bytes == "\t")
    return "\\t";
  std::string text;
  for (const char byte : bytes)
    text += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return text;
}

std::string escaped_unless(std::string_view text, std::string_view kept) {
  std::string shown;
  while (!text.empty()) {
    const character next = first_character(text);
    const std::string_view bytes = text.substr(0, next.bytes == 0 ? 1 : next.bytes);
    const bool fit = next.bytes != 0 && (!is_control(next.code) || bytes == kept);
    shown += fit ? std::string(bytes) : escaped(bytes);
    text.remove_prefix(bytes.size());
  }
  return shown;
}

}  // namespace

std::string printable(std::string_view text) {
  return escaped_unless(text, "");
}

std::string printable_lines(std::string_view text) {
  return escaped_unless(text, "\n");
}

}  // namespace khelp::app
