// A number as words, without memory.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace khelp {

class number_text {
 public:
  explicit number_text(const void* address) noexcept
      : number_text(reinterpret_cast<std::uintptr_t>(address), 16) {}
  explicit number_text(std::uint64_t n, int base = 10) noexcept {
    char* start = text_;
    if (base == 16) {
      *start++ = '0';
      *start++ = 'x';
    }
    end_ = std::to_chars(start, text_ + sizeof text_, n, base).ptr;
  }
  operator std::string_view() const noexcept {  // NOLINT(google-explicit-constructor)
    return {text_, static_cast<std::size_t>(end_ - text_)};
  }

 private:
  char text_[24];
  char* end_;
};

}  // namespace khelp
