#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Text for people, made of pieces: concat("segment ", 3, " ends at ", hex(end)).
/// A name that was read from a file is never put in raw: quoted() keeps it short and printable.

namespace khelp {

inline std::string hex(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), digits[value & 15]);
    value >>= 4;
  } while (value != 0);
  return "0x" + text;
}

inline constexpr std::size_t longest_quoted = 120;

inline std::string quoted(std::string_view name) {
  std::string text = "'";
  for (char c : name.substr(0, longest_quoted))
    text += c >= ' ' && c <= '~' ? c : '?';
  return text + (name.size() > longest_quoted ? "...'" : "'");
}

inline void append_piece(std::string& text, std::string_view piece) {
  text += piece;
}
inline void append_piece(std::string& text, std::integral auto number) {
  text += std::to_string(number);
}

template <class... Pieces>
std::string concat(const Pieces&... pieces) {
  std::string text;
  (append_piece(text, pieces), ...);
  return text;
}

/// Problems of one kind in a long table: the first few are told, the rest are counted, so that a
/// damaged table of a million entries does not answer with a million sentences.
class repeated_problem {
 public:
  repeated_problem(std::vector<std::string>& problems, std::string_view what)
      : problems_(problems), what_(what) {}

  template <class... Pieces>
  void add(const Pieces&... pieces) {
    if (++seen_ <= told)
      problems_.push_back(concat(pieces...));
  }

  /// Says how many were not told. Call it once, after the table.
  void close() {
    if (seen_ > told)
      problems_.push_back(concat(seen_ - told, " more ", what_, " like these"));
  }

 private:
  static constexpr std::uint64_t told = 3;
  std::vector<std::string>& problems_;
  std::string_view what_;
  std::uint64_t seen_ = 0;
};

}  // namespace khelp
