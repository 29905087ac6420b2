/// The three forms of the report, fed with one connection after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/output.hpp"
#include "app/cli/terminal.hpp"
#include "app/report/options.hpp"
#include "app/report/report.hpp"
#include "app/report/rtt_curves.hpp"

namespace khelp::app {

/// A closed connection: all that any form needs to know of it.
struct closed_connection {
  connection_report report;
  direction_curves curves;
};

/// The same on its way to the report.
struct reported_connection {
  std::string_view text;  ///< what append_text() made of it
  std::uint64_t number = 0;
  const closed_connection* whole = nullptr;  ///< nullptr: its text says all that is wanted
};

/// Takes connections in closing order. Its memory does not grow with their number.
class report_writer {
 public:
  virtual ~report_writer() = default;

  /// What this form writes of a connection, number_goes_here in its number's place. Nothing: it
  /// needs the whole connection. Any number of threads at once.
  virtual void append_text(std::string&, const connection_report&) const {}

  virtual void add(const reported_connection& connection) = 0;

  /// Something could not be written: adding more is of no use, finish() tells why.
  virtual bool failed() const = 0;

  /// Write what is left to write.
  virtual result<void> finish(const replay_summary& summary) = 0;
};

/// Schemas and out must outlive the writer.
///
/// Errors   JSON: no temporary file could be made.
result<std::unique_ptr<report_writer>> make_report_writer(const report_options& asked,
                                                          const std::vector<helper_schema>& schemas,
                                                          const appearance& look, output& out);

}  // namespace khelp::app
