// One lock for many objects: the one that a struct khelp_osd's address picks.
//
// Under it slot arrays grow and shrink, values are set, helpers' data is attached, adopted, taken
// out. Never held while calling out. Order: after registries, before zones.
#pragma once

#include <cstdint>

#include "sync/futex_lock.hpp"
#include "sync/gate.hpp"

struct khelp_osd;

namespace khelp {

struct alignas(64) osd_stripe_lock {
  futex_lock lock;
};
inline constexpr unsigned osd_stripe_count = 64;
extern osd_stripe_lock osd_stripes[osd_stripe_count] __attribute__((visibility("hidden")));

inline futex_lock& osd_stripe(const khelp_osd& osd) noexcept {
  // Objects are a few cache lines apart: the bits above a line tell them apart best.
  const auto address = reinterpret_cast<std::uintptr_t>(&osd);
  return osd_stripes[((address >> 6) ^ (address >> 12)) % osd_stripe_count].lock;
}

// Lets an owner take its object's data without the stripe, when that data ends plainly
// (core/helpers/detach.cpp). Whoever looks from outside for objects that hold data, a
// revoke or a fork, shuts it first and then takes the stripes.
extern gate object_gate __attribute__((visibility("hidden")));

// Around a fork: shut the gate and take all stripes, in order; give them back in parent and child.
// Where the heavy barrier is refused, what another thread was taking from an object may be half
// taken in the child.
void lock_all_osd_stripes() noexcept KHELP_NO_TSA;
void unlock_all_osd_stripes() noexcept KHELP_NO_TSA;

}  // namespace khelp
