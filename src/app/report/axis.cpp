#include "app/report/axis.hpp"

#include <cmath>
#include <fmt/format.h>

namespace khelp::app {
namespace {

struct time_unit {
  const char* name;
  double ns;
};

time_unit unit_for(double most_ns) {
  if (most_ns >= 1e9)
    return {"s", 1e9};
  if (most_ns >= 1e6)
    return {"ms", 1e6};
  if (most_ns >= 1e3)
    return {"us", 1e3};
  return {"ns", 1};
}

double round_step(double about) {
  const double power = std::pow(10, std::floor(std::log10(about)));
  for (double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= about)
      return factor * power;
  }
  return 10 * power;
}

}  // namespace

time_axis make_time_axis(double most_ns, int wanted) {
  const double most = most_ns > 0 ? most_ns : 1;
  const double step = round_step(most / wanted);
  const auto steps = static_cast<int>(std::ceil(most / step - 1e-9));
  const time_unit unit = unit_for(step * steps);
  time_axis axis{step * steps, unit.name, {}};
  for (int i = 0; i <= steps; ++i)
    axis.marks.push_back({step * i, fmt::format("{:.6g}", step * i / unit.ns)});
  return axis;
}

}  // namespace khelp::app
