/// A session of the TCP subsystem whose shards note what is to be reported.
#pragma once

#include <memory>
#include <vector>

#include "app/replay/helper_set.hpp"
#include "app/replay/merger.hpp"
#include "app/replay/replay_request.hpp"
#include "app/replay/results.hpp"
#include "app/replay/shard_reporter.hpp"
#include "subsystem/tcp/replay.hpp"

namespace khelp::app {

class reported_session {
 public:
  /// The TCP points are there from now on. `helpers` are loaded later, so that they are checked
  /// against these points, and unloaded before this ends. They may not be constructed yet.
  ///
  /// Errors   throws refusal.
  reported_session(const replay_request& asked, const helper_set& helpers, results& to);
  reported_session(const reported_session&) = delete;
  reported_session& operator=(const reported_session&) = delete;

  tcp::replay_session& tcp() { return *session_; }

  /// Before the first packet: what a connection's text is made by.
  void report_with(const report_writer& writer) { common_.writer = &writer; }

  /// Returns whether everything was measured that could be; what was not has been reported.
  bool report_missing(const helper_set& helpers) const;

 private:
  /// The result is complete only if no report function of a helper threw.
  bool report_thrown(const helper_set& helpers) const;

  reporting common_;
  merger merger_;
  std::vector<shard_reporter*> reporters_;  ///< the session's, by shard
  std::unique_ptr<tcp::replay_session> session_;
};

}  // namespace khelp::app
