// Subscriptions made from what callers hand over.
#pragma once

#include <memory>

#include <khelp/hhook.h>
#include <khelp/result.hpp>

#include "core/points/subscription.hpp"

namespace khelp {

std::shared_ptr<subscription> make_wish(const khelp_hookinfo& hook);
// Resolves the point's name. EINVAL: its size is not set.
result<std::shared_ptr<subscription>> make_wish(const khelp_hookinfo_x& hook);

}  // namespace khelp
