/// The replay's JSON document, in pieces that need no more memory than one connection.
#pragma once

#include <string>
#include <vector>

#include "app/khelp/output.hpp"
#include "app/khelp/report.hpp"

namespace khelp::app {

/// One connection as one line, without its end. Keys are sorted.
std::string json_connection(const connection_report& connection,
                            const std::vector<helper_schema>& schemas);

/// The whole document; `connections` holds its connections, separated by ",\n", and is used up.
result<void> write_json_document(const replay_summary& summary, output& connections, output& out);

}  // namespace khelp::app
