/// The captures of a replay: read one after the other, and what is said of each.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "app/cli/exit_status.hpp"
#include "app/cli/progress.hpp"
#include "app/report/options.hpp"
#include "app/report/report.hpp"
#include "subsystem/tcp/replay.hpp"

namespace khelp::app {

class capture_reader {
 public:
  capture_reader(tcp::replay_session& session, std::chrono::steady_clock::time_point began);

  /// Begin with a capture. false: it could not be opened, which has been reported.
  bool open(const std::string& file);
  /// Follow its next packet. false: there is none, or it could not be read.
  bool step();
  /// Done with it: report what is wrong with it.
  void close();

  /// Whether one was opened, or none was asked for.
  bool any_opened() const;
  /// From how each of them went.
  int exit_status() const { return exit_status_of(how_each_went_); }

  /// How far each was read. After a signal, the last one was interrupted, and those of `asked` that
  /// come after it were not begun.
  void summarize(const std::vector<std::string>& asked, replay_summary& to) const;

 private:
  tcp::replay_session& session_;
  progress progress_;
  std::string file_;  ///< that is open
  std::vector<exit_code> how_each_went_;
};

/// Every reason there is, with its count.
reason_counts reasons_of(const tcp::not_followed_counts& counts);

/// Report frames that were not followed or have no time: if they are many, or if the report has no
/// place for them.
void report_not_followed(const std::vector<capture_report>& captures, report_form form);

}  // namespace khelp::app
