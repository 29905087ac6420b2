/// Sequence numbers and timestamps live on a 32-bit circle: before and after are signed
/// differences.
#pragma once

#include <cstdint>

namespace khelp::tcp {

constexpr bool seq_before(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) < 0;
}
constexpr bool seq_after(uint32_t a, uint32_t b) {
  return static_cast<int32_t>(a - b) > 0;
}
constexpr uint32_t seq_min(uint32_t a, uint32_t b) {
  return seq_before(a, b) ? a : b;
}
constexpr uint32_t seq_max(uint32_t a, uint32_t b) {
  return seq_before(a, b) ? b : a;
}

}  // namespace khelp::tcp
