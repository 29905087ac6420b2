/// How round-trip times went over time, as reports draw it.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "app/report/series.hpp"

namespace khelp::app {

/// How finely the curves of one end are kept.
constexpr std::size_t sparkline_slots = 24;
constexpr std::size_t plot_slots = 512;

/// The RTT of the data one end sent, over time.
struct rtt_curves {
  series small{sparkline_slots};
  series large{plot_slots};  ///< empty unless there is a plot
};

/// By a connection's directions. Nothing: no RTT was measured.
using direction_curves = std::vector<std::optional<rtt_curves>>;

}  // namespace khelp::app
