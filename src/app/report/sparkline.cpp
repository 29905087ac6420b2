#include "app/report/sparkline.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace khelp::app {
namespace {

constexpr std::array<const char*, 8> levels = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

const char* level(double value, double low, double high) {
  if (high <= low)
    return levels[levels.size() / 2 - 1];
  const double share = (value - low) / (high - low);
  const auto at = static_cast<std::size_t>(std::lround(share * (levels.size() - 1)));
  return levels[std::min(at, levels.size() - 1)];
}

}  // namespace

std::string sparkline(const series& values) {
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const auto& slot : values.slots()) {
    if (slot.count == 0)
      continue;
    low = std::min(low, slot.mean());
    high = std::max(high, slot.mean());
  }
  std::string line;
  for (const auto& slot : values.slots())
    line += slot.count == 0 ? " " : level(slot.mean(), low, high);
  return line;
}

}  // namespace khelp::app
