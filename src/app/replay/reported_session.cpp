#include "app/replay/reported_session.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "app/cli/exit_status.hpp"
#include "app/cli/messages.hpp"
#include "app/cli/processors.hpp"
#include "app/replay/refusal.hpp"

namespace khelp::app {
namespace {

curves wanted_curves(const replay_request& asked) {
  if (!asked.plot_file.empty())
    return curves::small_and_large;
  return asked.report.form == report_form::table ? curves::small : curves::none;
}

tcp::instances_by ground_of(const std::string& instance_by) {
  return instance_by == "vlan"   ? tcp::instances_by::vlan
         : instance_by == "file" ? tcp::instances_by::file
                                 : tcp::instances_by::none;
}

}  // namespace

reported_session::reported_session(const replay_request& asked, const helper_set& helpers,
                                   results& to)
    : common_{.helpers = helpers,
              .wanted_curves = wanted_curves(asked),
              .wants_samples = !asked.samples_file.empty(),
              .keep_reports = asked.report.form == report_form::table || !asked.plot_file.empty()},
      merger_([&to](const replay_event& next, std::string_view text, std::uint64_t number) {
        to.add(next, text, number);
      }) {
  tcp::replay_session::settings wanted;
  wanted.instances = ground_of(asked.report.instance_by);
  wanted.shards = asked.jobs.value_or(useful_jobs());
  wanted.watcher_of = [this](std::size_t) {
    auto made = std::make_unique<shard_reporter>(common_);
    reporters_.push_back(made.get());
    return made;
  };
  wanted.on_batch = [this](const std::vector<tcp::shard_outcome>& batch) { merger_.add(batch); };
  auto made = tcp::replay_session::create(std::move(wanted));
  if (!made)
    refuse(made.error(), exit_failed);
  session_ = std::move(*made);
}

bool reported_session::report_missing(const helper_set& helpers) const {
  bool whole = std::none_of(reporters_.begin(), reporters_.end(),
                            [](const shard_reporter* each) { return each->incomplete(); });
  if (!whole)
    report_error("no memory for some measurements: samples and curves are incomplete");
  whole &= report_thrown(helpers);
  if (const std::uint64_t ends = session_->ends_without_memory()) {
    report_error(
        fmt::format("no memory for helpers' data on {} of the connections' ends: "
                    "what they would have measured there is missing",
                    ends));
    whole = false;
  }
  return whole;
}

bool reported_session::report_thrown(const helper_set& helpers) const {
  bool whole = true;
  for (std::size_t i = 0; i < helpers.schemas().size(); ++i) {
    std::uint64_t thrown = 0;
    for (const shard_reporter* each : reporters_)
      thrown += i < each->reports_thrown().size() ? each->reports_thrown()[i] : 0;
    if (thrown == 0)
      continue;
    report_error(fmt::format(
        "the report function of {} threw: {} of the ends it kept data on have no values",
        helpers.schemas()[i].name, thrown));
    whole = false;
  }
  return whole;
}

}  // namespace khelp::app
