/// Numbers as people and programs read them.
#pragma once

#include <cstdint>
#include <string>

namespace khelp::app {

/// A number of 10^-digits units as an exact decimal: fixed_decimal(-1500, 3) is "-1.500".
std::string fixed_decimal(std::int64_t value, int digits);
void append_fixed_decimal(std::string& to, std::int64_t value, int digits);

/// Three significant digits and a unit: "870 ns", "20.1 ms", "1.50 s".
std::string readable_duration(std::int64_t ns);

/// "512 B", "16.0 MiB".
std::string readable_bytes(std::uint64_t bytes);

/// With thin groups of three: "1,234,567".
std::string grouped(std::uint64_t number);

}  // namespace khelp::app
