/// FreeBSD's own h_ertt module declares no fields; but what its struct means is known.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <khelp/khelp.h>

#include "app/report/report.hpp"

namespace khelp::app {

/// A FreeBSD-style helper named "ertt" whose data can hold struct khelp_ertt.
bool is_stock_ertt(const khelp_helper_description& helper, std::uint32_t personality);

/// "ticks.rtt" and so on: the same names under which the native helper shows its struct khelp_ertt.
std::vector<field_spec> stock_ertt_fields();
/// In the same order.
std::vector<std::optional<std::int64_t>> stock_ertt_values(const void* data);

}  // namespace khelp::app
