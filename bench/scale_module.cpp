/// A module file of which scale_helpers makes a thousand, each with a name of its own in this one's
/// place.
#include <khelp/khelp.hpp>

#include "scale_event.hpp"

namespace {

void see(scale_event&) {}

constexpr khelp::typed_hook<void> hooks[] = {khelp::hook<see>("scale.helpers")};
constexpr khelp_helper_x helper = khelp::helper<void>("scale_0000", 1, 0, hooks);

}  // namespace

KHELP_DECLARE_HELPER(scale_0000, 1, helper, 0, 0);
