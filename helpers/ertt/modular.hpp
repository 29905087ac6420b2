/// Order on a circle of 32-bit numbers: sequence numbers, timestamps, ticks.
#pragma once

#include <cstdint>

namespace khelp::ertt {

/// How far `a` lies ahead of `b`; negative: behind.
constexpr std::int32_t distance(std::uint32_t a, std::uint32_t b) noexcept {
  return static_cast<std::int32_t>(a - b);
}
constexpr bool before(std::uint32_t a, std::uint32_t b) noexcept {
  return distance(a, b) < 0;
}
constexpr bool after(std::uint32_t a, std::uint32_t b) noexcept {
  return distance(a, b) > 0;
}

}  // namespace khelp::ertt
