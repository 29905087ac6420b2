#include "app/cli/units.hpp"

#include <array>
#include <cstddef>
#include <fmt/format.h>
#include <string_view>

namespace khelp::app {
namespace {

/// Three significant digits: 1.23, 12.3, 123.
std::string three_digits(double value) {
  if (value < 9.995)
    return fmt::format("{:.2f}", value);
  if (value < 99.95)
    return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

}  // namespace

void append_fixed_decimal(std::string& to, std::int64_t value, int digits) {
  const auto magnitude =
      value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  const fmt::format_int written(magnitude);
  std::string_view number(written.data(), written.size());
  const auto fraction = static_cast<std::size_t>(digits);
  if (value < 0)
    to += '-';
  if (number.size() <= fraction) {
    to += "0.";
    to.append(fraction - number.size(), '0');
    to += number;
    return;
  }
  to += number.substr(0, number.size() - fraction);
  to += '.';
  to += number.substr(number.size() - fraction);
}

std::string fixed_decimal(std::int64_t value, int digits) {
  std::string text;
  append_fixed_decimal(text, value, digits);
  return text;
}

std::string readable_duration(std::int64_t ns) {
  if (ns < 0)
    return "-" + readable_duration(ns == INT64_MIN ? INT64_MAX : -ns);
  if (ns < 1000)
    return fmt::format("{} ns", ns);
  const auto value = static_cast<double>(ns);
  // The thresholds are where three digits round up to the next unit.
  if (value < 999.5e3)
    return three_digits(value / 1e3) + " us";
  if (value < 999.5e6)
    return three_digits(value / 1e6) + " ms";
  return three_digits(value / 1e9) + " s";
}

std::string readable_bytes(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> units = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024)
    return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return three_digits(value) + " " + units[unit];
}

std::string grouped(std::uint64_t number) {
  std::string digits = fmt::format("{}", number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace khelp::app
