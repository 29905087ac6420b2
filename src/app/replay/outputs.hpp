/// The files that a replay writes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/output.hpp"
#include "app/replay/replay_request.hpp"
#include "app/report/plot.hpp"

namespace khelp::app {

class outputs {
 public:
  /// The files of --samples and --plot are opened first: a replay may take long.
  ///
  /// Errors   throws refusal.
  explicit outputs(const replay_request& asked);

  /// No file is written that this replay reads, or twice.
  ///
  /// Errors   EINVAL, in words.
  result<void> check(const std::vector<std::string>& helper_files) const;

  /// Once there is something to write: what the files held goes. Until then a mistake does
  /// not cost last week's results. Called again it does nothing.
  ///
  /// Errors   throws refusal.
  void begin();

  output& standard() { return standard_; }
  /// nullptr: no samples are wanted.
  output* samples() { return samples_ ? &*samples_ : nullptr; }
  bool wants_plot() const { return plot_.has_value(); }

  /// Write the plot, and what is left of the samples, if they were begun.
  ///
  /// Returns whether all of it reached its file; what did not has been reported.
  bool finish(const plot_selection& drawn);

 private:
  const replay_request& asked_;
  output standard_;
  std::optional<output> samples_;
  std::optional<output> plot_;
  bool begun_ = false;
};

}  // namespace khelp::app
