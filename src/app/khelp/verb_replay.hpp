/// `khelp replay`. The table of verbs needs no header of a verb; this one is for the test of the
/// options.
#pragma once

#include "app/khelp/verbs.hpp"
#include "app/replay/replay_request.hpp"

namespace khelp::app {

class replay_verb final : public verb {
 public:
  void add_options(CLI::App& command) override;
  int run() override;

  /// What was read.
  const replay_request& asked() const noexcept { return asked_; }

 private:
  replay_request asked_;
};

}  // namespace khelp::app
