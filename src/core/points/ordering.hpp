// The one order of hooks: by (priority, load order, table index), then moved as little as the
// before/after constraints demand.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <khelp/result.hpp>

#include "core/points/subscription.hpp"

namespace khelp {

using attachment_list = std::vector<std::shared_ptr<hook_attachment>>;
using wish_list = std::vector<const subscription*>;

// Put the hooks of one point in running order. Constraints on helpers that are not at the point are
// ignored; a cycle is ELOOP, with the helpers on it in words.
result<void> put_in_order(attachment_list& hooks);

// Whether wishes for one name can be put in order wherever some of them meet: a part of an order
// without cycles has none either. ELOOP, as put_in_order().
result<void> check_constraints(const wish_list& wishes);

// Why the hook at `position` stands there, in words.
std::string explain_position(const attachment_list& ordered, std::size_t position);

}  // namespace khelp
