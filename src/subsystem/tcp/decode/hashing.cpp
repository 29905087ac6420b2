#include "subsystem/tcp/decode/hashing.hpp"

#include <random>

namespace khelp::tcp {

uint64_t random_seed() {
  std::random_device source;
  return static_cast<uint64_t>(source()) << 32 | source();
}

}  // namespace khelp::tcp
