/// The replay for people: the busiest directions, totals, and what each helper did.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/cli/terminal.hpp"
#include "app/report/ranking.hpp"
#include "app/report/report.hpp"

namespace khelp::app {

/// One line per direction, busiest first; columns are what the helpers mark as worth one. Where the
/// width is limited, the curves go, then addresses become shorter, then the rightmost columns go.
///
/// Shape    instances: "vlan" or "file": there is a column for each connection's.
std::string directions_table(const std::vector<ranked_direction>& busiest,
                             const other_directions& others,
                             const std::vector<helper_schema>& schemas, const appearance& look,
                             std::string_view instances = {});

/// Packets, what was not followed of them, connections, and one line per helper.
std::string totals_text(const replay_summary& summary);

}  // namespace khelp::app
