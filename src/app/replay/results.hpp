/// What a replay found out, on its way to the report.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "app/replay/outputs.hpp"
#include "app/replay/replay_request.hpp"
#include "app/replay/shard_reporter.hpp"
#include "app/report/plot.hpp"
#include "app/report/report_writer.hpp"

namespace khelp::app {

class results {
 public:
  results(const replay_request& asked, outputs& to) : asked_(asked), to_(to) {}

  /// The helpers are known now, and so is what the report has to say of them. They outlive this.
  ///
  /// Errors   as make_report_writer().
  result<void> begin(const std::vector<helper_schema>& schemas);
  const report_writer& writer() const { return *writer_; }

  /// A sample or a closed connection; one thread at a time, in the order of the report.
  void add(const replay_event& next, std::string_view text, std::uint64_t number);

  /// The report cannot be written: more results are of no use.
  bool failed() const { return writer_->failed(); }

  /// All but the connections. What others know of it they set.
  replay_summary summary;

  /// Write what is left of the report, unless there is nothing to report.
  ///
  /// Returns whether all of it, of the samples and of the plot reached its file; what did not has
  /// been reported.
  bool finish(bool anything_to_report);

 private:
  void draw(const closed_connection& closed);

  const replay_request& asked_;
  outputs& to_;
  std::unique_ptr<report_writer> writer_;
  plot_selection drawn_;
};

}  // namespace khelp::app
