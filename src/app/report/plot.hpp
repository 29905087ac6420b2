/// RTT over time as a drawing: an SVG that stands by itself in a browser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/report/report.hpp"
#include "app/report/series.hpp"

namespace khelp::app {

/// What one end measured: values are nanoseconds.
struct plot_line {
  std::string label;
  series values;
};

/// A line's label, which names the sender. The same end in two instances ("vlan", "file") has two lines.
std::string plot_label(const direction_report& direction, std::string_view instances,
                       std::uint64_t instance);

/// The lines with the most measurements, as many as can be told apart by colour.
class plot_selection {
 public:
  static constexpr std::size_t most_lines = 8;

  void add(plot_line line);

  /// Most measurements first.
  const std::vector<plot_line>& lines() const noexcept { return lines_; }
  std::size_t left_out() const noexcept { return left_out_; }

 private:
  std::vector<plot_line> lines_;
  std::size_t left_out_ = 0;
};

/// The whole document. Each slot of a series is a point at its mean with a bar from its least to
/// its most value, so that a spike among thousands of measurements stays visible.
std::string plot_svg(const plot_selection& selection);

}  // namespace khelp::app
