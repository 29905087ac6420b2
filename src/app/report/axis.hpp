/// Where an axis has its marks, and what they say.
#pragma once

#include <string>
#include <vector>

namespace khelp::app {

struct axis_mark {
  double at;  ///< nanoseconds
  std::string label;
};

/// An axis of time from 0 to a round number.
struct time_axis {
  double end;        ///< nanoseconds: where the last mark stands, at least `most`
  std::string unit;  ///< "ns", "us", "ms" or "s"
  std::vector<axis_mark> marks;
};

/// Marks at multiples of 1, 2 or 5 times a power of ten, about as many as wanted.
time_axis make_time_axis(double most_ns, int wanted);

}  // namespace khelp::app
