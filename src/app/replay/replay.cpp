#include "app/replay/replay.hpp"

#include <chrono>
#include <string>

#include <khelp/sample.h>

#include "app/cli/exit_status.hpp"
#include "app/cli/messages.hpp"
#include "app/cli/signals.hpp"
#include "app/replay/capture_reader.hpp"
#include "app/replay/helper_set.hpp"
#include "app/replay/loaded_state.hpp"
#include "app/replay/outputs.hpp"
#include "app/replay/refusal.hpp"
#include "app/replay/reported_session.hpp"
#include "app/replay/results.hpp"

namespace khelp::app {
namespace {

using steady = std::chrono::steady_clock;

class replay {
 public:
  explicit replay(const replay_request& asked) : asked_(asked) {
    if (auto loaded = helpers_.load(asked_.helpers); !loaded)
      refuse(loaded.error(), exit_code_for(loaded.error().code));
    if (auto apart = outputs_.check(helpers_.files()); !apart)
      refuse(apart.error(), exit_usage);
    if (auto begun = results_.begin(helpers_.schemas()); !begun)
      refuse(begun.error(), exit_failed);
    session_.report_with(results_.writer());
  }
  ~replay() { session_.tcp().stop(); }

  int run() {
    if (asked_.explain)
      show_hook_order(asked_.report.form, outputs_.standard());
    for (const std::string& file : asked_.captures) {
      if (stopped())
        break;
      read_capture(file);
    }
    if (asked_.mem) {
      session_.tcp().settle();
      results_.summary.memory = look_at_memory(asked_.report.form);
    }
    session_.tcp().flush();
    unload();
    return finish();
  }

 private:
  bool stopped() const { return interruption() != 0 || results_.failed(); }

  void read_capture(const std::string& file) {
    if (!captures_.open(file))
      return;
    outputs_.begin();
    unload_if_due();
    while (!stopped() && captures_.step())
      unload_if_due();
    captures_.close();
  }

  void unload_if_due() {
    if (asked_.unload_after && session_.tcp().packets() >= *asked_.unload_after &&
        helpers_.loaded())
      unload();
  }

  void unload() {
    if (!helpers_.loaded())
      return;
    session_.tcp().release_data();
    khelp_sample_set_sink(nullptr);  // what they say while they go is about no connection
    for (const std::string& warning : helpers_.unload())
      report_error(warning);
  }

  int finish() {
    replay_summary& summary = results_.summary;
    captures_.summarize(asked_.captures, summary);
    summary.helpers = helpers_.totals();
    summary.instance_by = asked_.report.instance_by;
    summary.elapsed_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - began_).count();
    report_not_followed(summary.captures, asked_.report.form);
    bool whole =
        results_.finish(asked_.report.form != report_form::table || captures_.any_opened());
    whole &= session_.report_missing(helpers_);
    if (interruption() != 0)
      return exit_signal + interruption();
    return whole ? captures_.exit_status() : static_cast<int>(exit_failed);
  }

  const replay_request& asked_;
  const steady::time_point began_ = steady::now();
  outputs outputs_{asked_};
  results results_{asked_, outputs_};
  // The session is made before helpers are loaded, so that its points are there to check them
  // against, and goes after they are unloaded.
  reported_session session_{asked_, helpers_, results_};
  helper_set helpers_;
  capture_reader captures_{session_.tcp(), began_};
};

}  // namespace

int run_replay(const replay_request& asked) {
  catch_interruptions();
  try {
    return replay(asked).run();
  } catch (const refusal& refused) {
    return refused.status;
  }
}

}  // namespace khelp::app
