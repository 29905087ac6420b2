#include "core/objects/osd_stripe.hpp"

namespace khelp {

osd_stripe_lock osd_stripes[osd_stripe_count];
gate object_gate;

void lock_all_osd_stripes() noexcept {
  (void)object_gate.shut();
  for (osd_stripe_lock& stripe : osd_stripes)
    stripe.lock.lock();
}

void unlock_all_osd_stripes() noexcept {
  for (osd_stripe_lock& stripe : osd_stripes)
    stripe.lock.unlock();
  object_gate.open();
}

}  // namespace khelp
