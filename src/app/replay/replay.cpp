#include "app/replay/replay.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <khelp/sample.h>

#include "app/cli/exit_status.hpp"
#include "app/cli/messages.hpp"
#include "app/cli/output.hpp"
#include "app/cli/overwriting.hpp"
#include "app/cli/processors.hpp"
#include "app/cli/progress.hpp"
#include "app/cli/signals.hpp"
#include "app/cli/terminal.hpp"
#include "app/replay/gathering.hpp"
#include "app/replay/helper_set.hpp"
#include "app/replay/measurements.hpp"
#include "app/replay/shard_reporter.hpp"
#include "app/report/hook_order.hpp"
#include "app/report/memory_report.hpp"
#include "app/report/not_followed_text.hpp"
#include "app/report/numbered_text.hpp"
#include "app/report/plot.hpp"
#include "app/report/report_writer.hpp"
#include "snapshot/hooks.hpp"
#include "snapshot/memory.hpp"
#include "subsystem/tcp/replay.hpp"

namespace khelp::app {
namespace {

using steady = std::chrono::steady_clock;

/// What stops the program before it has begun: said, and turned into an exit status.
struct refusal {
  int status;
};

[[noreturn]] void refuse(const failure& why, int status) {
  report_error(why.detail);
  throw refusal{status};
}

/// The files of --samples and --plot are opened first: a replay may take long.
std::optional<output> output_file(const std::string& name) {
  if (name.empty())
    return std::nullopt;
  auto made = output::open(name);
  if (!made)
    refuse(made.error(), made.error().code == EACCES ? exit_not_permitted : exit_failed);
  return std::move(*made);
}

reason_counts reasons_of(const tcp::not_followed_counts& counts) {
  reason_counts reasons;
  for (std::size_t i = 0; i < tcp::not_followed_texts.size(); ++i)
    reasons.push_back(
        {tcp::not_followed_texts[i].key, tcp::not_followed_texts[i].words, counts.by_reason()[i]});
  return reasons;
}

class replay {
 public:
  explicit replay(const replay_request& asked)
      : asked_(asked),
        out_(output::standard_output()),
        samples_(output_file(asked.samples_file)),
        plot_(output_file(asked.plot_file)),
        session_(new_session()) {
    if (auto loaded = helpers_.load(asked_.helpers); !loaded)
      refuse(loaded.error(), exit_code_for(loaded.error().code));
    if (auto safe = check_overwriting(written_files(), read_files()); !safe)
      refuse(safe.error(), exit_usage);
    auto writer = make_report_writer(asked_.report, helpers_.schemas(), of_standard_output(), out_);
    if (!writer)
      refuse(writer.error(), exit_failed);
    writer_ = std::move(*writer);
    reporting_.writer = writer_.get();
  }
  ~replay() { session_->stop(); }

  int run() {
    if (asked_.explain)
      explain();
    for (const std::string& file : asked_.captures) {
      if (stopped())
        break;
      read_capture(file);
    }
    if (asked_.mem) {
      session_->settle();
      look_at_memory();
    }
    session_->flush();
    unload();
    return finish();
  }

 private:
  std::unique_ptr<tcp::replay_session> new_session() {
    tcp::replay_session::settings wanted;
    wanted.instances = asked_.report.instance_by == "vlan"   ? tcp::instances_by::vlan
                       : asked_.report.instance_by == "file" ? tcp::instances_by::file
                                                             : tcp::instances_by::none;
    wanted.shards = asked_.jobs.value_or(useful_jobs());
    wanted.watcher_of = [this](std::size_t) {
      auto made = std::make_unique<shard_reporter>(reporting_);
      reporters_.push_back(made.get());
      return made;
    };
    wanted.on_round = [this](const std::vector<tcp::shard_outcome>& round) {
      gathering_.add(round);
    };
    auto made = tcp::replay_session::create(std::move(wanted));
    if (!made)
      refuse(made.error(), exit_failed);
    return std::move(*made);
  }

  curves wanted_curves() const {
    if (!asked_.plot_file.empty())
      return curves::small_and_large;
    return asked_.report.form == report_form::table ? curves::small : curves::none;
  }

  std::vector<used_file> written_files() const {
    std::vector<used_file> files = {{"standard output", out_.identity()}};
    if (samples_)
      files.push_back({"--samples " + asked_.samples_file, samples_->identity()});
    if (plot_)
      files.push_back({"--plot " + asked_.plot_file, plot_->identity()});
    return files;
  }

  std::vector<used_file> read_files() const {
    std::vector<used_file> files;
    for (const std::string& file : asked_.captures)
      files.push_back(
          {"the capture " + file, file == "-" ? identity_of(STDIN_FILENO) : identity_of(file)});
    for (const std::string& file : helpers_.files())
      files.push_back({"the helper " + file, identity_of(file)});
    return files;
  }

  /// Once there is something to write. Until then a mistake costs nobody last week's results.
  void begin_outputs() {
    if (began_outputs_)
      return;
    for (std::optional<output>* one : {&samples_, &plot_}) {
      if (!*one)
        continue;
      if (auto begun = (*one)->begin(); !begun)
        refuse(begun.error(), exit_failed);
    }
    if (samples_)
      samples_->write(samples_header);
    began_outputs_ = true;
  }

  /// Where standard output carries a document, words go to standard error.
  void explain() {
    const std::string text = hook_order_text(snapshot::read_hooks());
    if (asked_.report.form == report_form::table)
      out_.write(text + "\n");
    else
      (void)std::fwrite(text.data(), 1, text.size(), stderr);
  }

  /// Table and JSON have a place for it; rows of CSV have none.
  void look_at_memory() {
    summary_.memory = snapshot::read_memory();
    if (asked_.report.form != report_form::csv)
      return;
    const std::string text = memory_text(*summary_.memory, false);
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
  }

  bool stopped() const { return interruption() != 0 || writer_->failed(); }

  void read_capture(const std::string& file) {
    auto opened = session_->open(file);
    if (!opened && interruption() != 0)
      return;  // the read was interrupted: that says nothing about the file
    if (!opened) {
      const bool odd = opened.error().code == EINVAL;
      report_error(opened.error().detail + (odd ? "; khelp reads pcap and pcapng captures" : ""));
      results_.push_back(exit_code_for_capture(opened.error().code));
      return;
    }
    begin_outputs();
    unload_if_due();
    while (!stopped() && session_->step()) {
      unload_if_due();
      show_progress(file);
    }
    progress_.clear();
    session_->close_capture();
    const tcp::capture_summary& capture = session_->captures().back();
    if (interruption() == 0 && !capture.error.empty())
      report_error(capture.error);
    for (const std::string& remark : capture.remarks)
      report_error(remark);
    results_.push_back(capture.error.empty() ? exit_done : exit_failed);
  }

  void show_progress(const std::string& file) {
    constexpr std::uint64_t packets_between_looks = 1024;
    if (session_->packets() % packets_between_looks != 0)
      return;
    const auto now = steady::now();
    if (progress_.due(now))
      progress_.show(now, progress_text(file, session_->share_read(), session_->packets()));
  }

  void unload_if_due() {
    if (asked_.unload_after && session_->packets() >= *asked_.unload_after && helpers_.loaded())
      unload();
  }

  void unload() {
    if (!helpers_.loaded())
      return;
    session_->release_data();
    khelp_sample_set_sink(nullptr);  // what they say while they go is about no connection
    for (const std::string& remark : helpers_.unload())
      report_error(remark);
  }

  void report(const happening& next, std::string_view text, std::uint64_t number) {
    if (next.what == happening::sample) {
      write_numbered(*samples_, text, number);
      return;
    }
    ++summary_.connections;
    summary_.directions_with_data += next.directions_with_data;
    summary_.copies += next.copies;
    writer_->add(text, number);
    if (next.kept != nullptr)
      report(*next.kept);
  }

  void report(const closed_connection& closed) {
    writer_->add(closed.report, closed.curves);
    if (!plot_)
      return;
    for (std::size_t i = 0; i < closed.curves.size(); ++i) {
      const direction_report& direction = closed.report.directions[i];
      if (closed.curves[i])
        drawn_.add({plot_label(direction, asked_.report.instance_by, closed.report.instance),
                    closed.curves[i]->large});
    }
  }

  void complete_summary() {
    for (const tcp::capture_summary& capture : session_->captures()) {
      summary_.captures.push_back({.file = capture.file,
                                   .link_type = capture.link_type,
                                   .packets = capture.packets,
                                   .tcp_segments = capture.tcp_segments,
                                   .malformed = capture.malformed,
                                   .first_ns = capture.first_ns,
                                   .last_ns = capture.last_ns,
                                   .error = capture.error,
                                   .fragments = capture.fragments,
                                   .not_followed = reasons_of(capture.not_followed),
                                   .without_time = capture.without_time});
    }
    if (interruption() != 0 && !summary_.captures.empty()) {
      summary_.interrupted = true;
      summary_.captures.back().error = "interrupted";
      for (std::size_t i = summary_.captures.size(); i < asked_.captures.size(); ++i)
        summary_.not_begun.push_back(asked_.captures[i]);
    }
    summary_.helpers = helpers_.totals();
    summary_.instance_by = asked_.report.instance_by;
    summary_.elapsed_us =
        std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - began_).count();
  }

  /// Table and JSON have a place for all of them; rows of CSV have none.
  void report_what_was_not_followed() const {
    const bool has_place = asked_.report.form != report_form::csv;
    for (const capture_report& capture : summary_.captures) {
      if (many_not_followed(capture) || (!has_place && all_of(capture.not_followed) != 0))
        report_error(capture.file + ": not followed: " + not_followed_text(capture.not_followed));
      if (many_without_time(capture) || (!has_place && capture.without_time != 0))
        report_error(capture.file + ": " + without_time_text(capture.without_time));
    }
  }

  bool any_capture_opened() const {
    for (const exit_code one : results_) {
      if (one == exit_done || one == exit_failed)
        return true;
    }
    return results_.empty();
  }

  /// In results that lack nothing none of their report functions threw.
  bool report_thrown() const {
    bool whole = true;
    for (std::size_t i = 0; i < helpers_.schemas().size(); ++i) {
      std::uint64_t thrown = 0;
      for (const shard_reporter* each : reporters_)
        thrown += i < each->reports_thrown().size() ? each->reports_thrown()[i] : 0;
      if (thrown == 0)
        continue;
      report_error(fmt::format(
          "the report function of {} threw: {} of the ends it kept data on have no values",
          helpers_.schemas()[i].name, thrown));
      whole = false;
    }
    return whole;
  }

  bool finish_measurements() {
    bool whole = std::none_of(reporters_.begin(), reporters_.end(),
                              [](const shard_reporter* each) { return each->incomplete(); });
    if (!whole)
      report_error("no memory for some measurements: samples and curves are incomplete");
    if (samples_)
      whole &= complete(samples_->flush());
    if (plot_) {
      plot_->write(plot_svg(drawn_));
      whole &= complete(plot_->flush());
    }
    return whole;
  }

  int finish() {
    complete_summary();
    report_what_was_not_followed();
    bool whole = true;
    if (asked_.report.form != report_form::table || any_capture_opened())
      whole &= complete(writer_->finish(summary_));
    if (began_outputs_)
      whole &= finish_measurements();
    whole &= report_thrown();
    if (const std::uint64_t ends = session_->ends_without_memory()) {
      report_error(
          fmt::format("no memory for helpers' data on {} of the connections' ends: "
                      "what they would have measured there is missing",
                      ends));
      whole = false;
    }
    if (interruption() != 0)
      return exit_signal + interruption();
    return whole ? exit_status_of(results_) : static_cast<int>(exit_failed);
  }

  const replay_request& asked_;
  const steady::time_point began_ = steady::now();
  output out_;
  std::optional<output> samples_;
  std::optional<output> plot_;
  reporting reporting_{
      .helpers = helpers_,
      .wanted_curves = wanted_curves(),
      .wants_samples = !asked_.samples_file.empty(),
      .keep_reports = asked_.report.form == report_form::table || !asked_.plot_file.empty()};
  gathering gathering_{[this](const happening& next, std::string_view text, std::uint64_t number) {
    report(next, text, number);
  }};
  std::vector<shard_reporter*> reporters_;  ///< the session's, by shard
  // The session is made before helpers are loaded, so that its points are there to check them
  // against, and goes after they are unloaded.
  std::unique_ptr<tcp::replay_session> session_;
  helper_set helpers_;
  std::unique_ptr<report_writer> writer_;
  bool began_outputs_ = false;
  plot_selection drawn_;
  progress progress_{wants_progress() ? stderr : nullptr, began_};
  replay_summary summary_;
  std::vector<exit_code> results_;  ///< of the captures
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
