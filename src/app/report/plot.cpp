#include "app/report/plot.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <limits>

#include "app/cli/units.hpp"
#include "app/report/axis.hpp"

namespace khelp::app {
namespace {

// Okabe and Ito's palette: told apart with every kind of colour vision.
constexpr std::array<const char*, plot_selection::most_lines> colours = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000"};

// The frame of the curves, in user units.
constexpr double left = 80;
constexpr double top = 56;
constexpr double width = 860;
constexpr double height = 400;
constexpr double bottom = top + height;
constexpr double legend_top = bottom + 76;
constexpr double legend_line = 20;

std::string escaped(const std::string& text) {
  std::string safe;
  for (char c : text) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else if (c == '>')
      safe += "&gt;";
    else
      safe += c;
  }
  return safe;
}

/// Where times and values stand on the paper.
struct scales {
  std::int64_t start_ns;
  time_axis time;
  time_axis rtt;

  double x(double ns_since_start) const { return left + width * ns_since_start / time.end; }
  double y(double rtt_ns) const { return bottom - height * std::max(rtt_ns, 0.0) / rtt.end; }
};

scales scales_for(const std::vector<plot_line>& lines) {
  std::int64_t start = std::numeric_limits<std::int64_t>::max();
  for (const plot_line& line : lines)
    start = std::min(start, line.values.start_ns());
  double end = 0;
  double most = 0;
  for (const plot_line& line : lines) {
    const series& values = line.values;
    const double begin = static_cast<double>(values.start_ns() - start);
    end = std::max(end, begin + static_cast<double>(values.slot_ns()) *
                                    static_cast<double>(values.slots().size()));
    for (const series::slot& slot : values.slots()) {
      if (slot.count > 0)
        most = std::max(most, static_cast<double>(slot.most));
    }
  }
  time_axis time = make_time_axis(end, 8);
  while (time.marks.size() > 1 && time.marks.back().at > end)
    time.marks.pop_back();
  time.end = end > 0 ? end : 1;
  return {lines.empty() ? 0 : start, std::move(time), make_time_axis(most, 6)};
}

std::string text_at(double x, double y, const char* anchor, const std::string& text,
                    const char* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y,
                     anchor, more, escaped(text));
}

std::string axes(const scales& scale) {
  std::string svg = "<g stroke=\"#dddddd\">\n";
  for (const axis_mark& mark : scale.rtt.marks)
    svg += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\"/>\n",
                       left, scale.y(mark.at), left + width);
  for (const axis_mark& mark : scale.time.marks)
    svg += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>\n",
                       scale.x(mark.at), top, bottom);
  svg += "</g>\n";
  svg += fmt::format(
      "<path d=\"M{0:.1f} {1:.1f}V{2:.1f}H{3:.1f}\" fill=\"none\" stroke=\"#444444\"/>\n", left,
      top, bottom, left + width);
  for (const axis_mark& mark : scale.rtt.marks)
    svg += text_at(left - 8, scale.y(mark.at) + 4, "end", mark.label);
  for (const axis_mark& mark : scale.time.marks)
    svg += text_at(scale.x(mark.at), bottom + 20, "middle", mark.label);
  svg += text_at(left + width / 2, bottom + 42, "middle",
                 "time since the first measurement [" + scale.time.unit + "]");
  const double middle = top + height / 2;
  svg += text_at(24, middle, "middle", "RTT [" + scale.rtt.unit + "]",
                 fmt::format(" transform=\"rotate(-90 24 {:.1f})\"", middle).c_str());
  return svg;
}

std::string curve(const plot_line& line, const scales& scale, const char* colour) {
  const series& values = line.values;
  const double begin = static_cast<double>(values.start_ns() - scale.start_ns);
  const auto slot_ns = static_cast<double>(values.slot_ns());
  std::string bars;
  std::string path;
  std::string dots;
  for (std::size_t i = 0; i < values.slots().size(); ++i) {
    const series::slot& slot = values.slots()[i];
    if (slot.count == 0)
      continue;
    const double x = scale.x(begin + slot_ns * (static_cast<double>(i) + 0.5));
    const double y = scale.y(slot.mean());
    if (slot.most > slot.least)
      bars += fmt::format("M{:.1f} {:.1f}V{:.1f}", x, scale.y(static_cast<double>(slot.least)),
                          scale.y(static_cast<double>(slot.most)));
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", x, y);
    dots += fmt::format("M{:.1f} {:.1f}h0", x, y);
  }
  return fmt::format(
      "<g fill=\"none\" stroke=\"{}\">\n"
      "<path d=\"{}\" stroke-opacity=\"0.35\" stroke-width=\"1.6\"/>\n"
      "<path d=\"{}\" stroke-opacity=\"0.6\" stroke-width=\"0.8\" stroke-linejoin=\"round\"/>\n"
      "<path d=\"{}\" stroke-width=\"2.6\" stroke-linecap=\"round\"/>\n"
      "</g>\n",
      colour, bars, path, dots);
}

std::string legend_entry(const plot_line& line, const char* colour, double y) {
  return fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"10\" fill=\"{}\"/>\n",
                     left, y - 9, colour) +
         text_at(
             left + 22, y, "start",
             fmt::format("{}: {} measurements, a point for every {}", line.label,
                         grouped(line.values.count()), readable_duration(line.values.slot_ns())));
}

}  // namespace

std::string plot_label(const direction_report& direction, std::string_view instances,
                       std::uint64_t instance) {
  const std::string_view ground = instances == "vlan"   ? "VLAN "
                                  : instances == "file" ? "file "
                                                        : "";
  const std::string ends = direction.src + " to " + direction.dst;
  return ground.empty() ? ends : fmt::format("{}{}, {}", ground, instance, ends);
}

void plot_selection::add(plot_line line) {
  if (line.values.empty())
    return;
  const auto fewer = [](const plot_line& a, const plot_line& b) {
    return a.values.count() > b.values.count();
  };
  lines_.insert(std::upper_bound(lines_.begin(), lines_.end(), line, fewer), std::move(line));
  if (lines_.size() > most_lines) {
    lines_.pop_back();
    ++left_out_;
  }
}

std::string plot_svg(const plot_selection& selection) {
  const std::vector<plot_line>& lines = selection.lines();
  const scales scale = scales_for(lines);
  const bool note = selection.left_out() > 0 || lines.empty();
  const double total = legend_top + legend_line * static_cast<double>(lines.size() + note);
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 980 {0:.0f}\" width=\"980\" "
      "height=\"{0:.0f}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      total);
  svg += text_at(left, 26, "start", "Round-trip time over time",
                 " font-size=\"16\" font-weight=\"bold\"");
  svg += text_at(left, 44, "start", "point: mean; bar: least to most", " fill=\"#666666\"");
  svg += axes(scale);
  // The line with the most points is drawn first, beneath the others.
  for (std::size_t i = 0; i < lines.size(); ++i)
    svg += curve(lines[i], scale, colours[i]);
  double y = legend_top;
  for (std::size_t i = 0; i < lines.size(); ++i, y += legend_line)
    svg += legend_entry(lines[i], colours[i], y);
  if (lines.empty())
    svg += text_at(left, y, "start", "Nothing was measured.", " fill=\"#666666\"");
  else if (note)
    svg += text_at(
        left, y, "start",
        fmt::format("{} more with fewer measurements: not drawn", grouped(selection.left_out())),
        " fill=\"#666666\"");
  return svg + "</svg>\n";
}

}  // namespace khelp::app
