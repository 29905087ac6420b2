/// What the hashes of this subsystem are made of.
#pragma once

#include <cstdint>

namespace khelp::tcp {

/// Both halves of a 128-bit product, folded.
inline uint64_t fold(uint64_t a, uint64_t b) {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

/// A seed of its own for each hash, so that keys that collide cannot be prepared.
uint64_t random_seed();

}  // namespace khelp::tcp
