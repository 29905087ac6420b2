// One lock for many objects: the mutex that a struct khelp_osd's address picks.
//
// Under it slot arrays grow and shrink, values are set, helpers' data is attached, adopted, taken
// out. Never held while calling out. Order: after registries, before zones.
#pragma once

#include "sync/mutex.hpp"

struct khelp_osd;

namespace khelp {

mutex& osd_stripe(const khelp_osd& osd) noexcept;

// Around a fork: take all stripes, in order; give them back in parent and child.
void lock_all_osd_stripes() noexcept KHELP_NO_TSA;
void unlock_all_osd_stripes() noexcept KHELP_NO_TSA;

}  // namespace khelp
