/// An address as a number: comparing and hashing it takes two words.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace khelp::tcp {

/// An address, for comparing.
struct address_number {
  uint64_t first;
  uint64_t second;

  bool operator==(const address_number& other) const {
    return ((first ^ other.first) | (second ^ other.second)) == 0;
  }
  bool operator>(const address_number& other) const {
    return first != other.first ? first > other.first : second > other.second;
  }
};

inline address_number number_of(const std::array<uint8_t, 16>& address) {
  return std::bit_cast<address_number>(address);
}

}  // namespace khelp::tcp
