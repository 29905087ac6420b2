/// What the user decides about a report.
#pragma once

#include <cstdint>
#include <string>

namespace khelp::app {

enum class report_form { table, json, csv };

struct report_options {
  report_form form = report_form::table;
  std::string instance_by = "none";  ///< what connections' instances are: vlan, file, none
  std::uint64_t top = 20;            ///< lines of the table
};

}  // namespace khelp::app
