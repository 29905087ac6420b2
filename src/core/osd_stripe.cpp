#include "core/osd_stripe.hpp"

#include <cstdint>

namespace khelp {
namespace {

constexpr unsigned stripe_count = 64;

struct alignas(64) stripe {
  mutex lock;
};

stripe stripes[stripe_count];

}  // namespace

mutex& osd_stripe(const khelp_osd& osd) noexcept {
  // Objects are a few cache lines apart: the bits above a line tell them apart best.
  const auto address = reinterpret_cast<std::uintptr_t>(&osd);
  return stripes[((address >> 6) ^ (address >> 12)) % stripe_count].lock;
}

void lock_all_osd_stripes() noexcept {
  for (stripe& s : stripes)
    s.lock.lock();
}

void unlock_all_osd_stripes() noexcept {
  for (stripe& s : stripes)
    s.lock.unlock();
}

}  // namespace khelp
