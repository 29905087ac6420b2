/// A series as one line of block characters.
#pragma once

#include <string>

#include "app/report/series.hpp"

namespace khelp::app {

/// One character per slot, UTF-8: the mean of the slot between the lowest and the highest mean of
/// the series; a space where nothing was measured. A constant series lies in the middle.
std::string sparkline(const series& values);

}  // namespace khelp::app
