/// The replay as comma-separated values (RFC 4180, lines end in a newline): one row a direction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/report/report.hpp"

namespace khelp::app {

/// A field, in quotes if it needs them.
std::string csv_field(std::string_view text);

/// The first line: connection, instance, opened, src, dst, segments, bytes, retransmitted, copies, then
/// HELPER.FIELD for every field of every helper.
std::string csv_header(const std::vector<helper_schema>& schemas);

/// Both directions of a connection, number_goes_here for its number. Absent values are empty.
std::string csv_rows(const connection_report& connection,
                     const std::vector<helper_schema>& schemas);

}  // namespace khelp::app
