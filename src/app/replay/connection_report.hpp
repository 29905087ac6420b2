/// From a connection of the TCP subsystem to what is reported of it.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "app/report/report.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::app {

/// The ends that are reported: one if the socket talks to itself.
inline std::size_t reported_ends(const tcp::flow& flow) {
  return flow.with_itself ? 1 : 2;
}

/// The report, with what helpers measured of each end's data by `read`.
connection_report describe(
    const tcp::flow& flow,
    const std::function<std::vector<std::optional<helper_data>>(const tcp::end&)>& read);

}  // namespace khelp::app
