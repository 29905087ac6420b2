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

/// Takes connections in closing order. Its memory does not grow with their number.
class report_writer {
 public:
  virtual ~report_writer() = default;

  /// What this form says of a connection, number_goes_here in its number's place. Any number of
  /// threads at once.
  virtual void append_text(std::string& to, const connection_report& connection) const = 0;

  /// A connection: that text, and its number.
  virtual void add(std::string_view text, std::uint64_t number) = 0;
  /// The connection itself, where its text does not say all.
  virtual void add(const connection_report& connection, const direction_curves& curves) = 0;

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
