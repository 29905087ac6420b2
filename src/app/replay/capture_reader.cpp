#include "app/replay/capture_reader.hpp"

#include <cerrno>
#include <cstdio>

#include "app/cli/messages.hpp"
#include "app/cli/signals.hpp"
#include "app/cli/terminal.hpp"
#include "app/report/not_followed_text.hpp"

namespace khelp::app {

namespace {
using steady = std::chrono::steady_clock;
}  // namespace

capture_reader::capture_reader(tcp::replay_session& session, steady::time_point began)
    : session_(session), progress_(wants_progress() ? stderr : nullptr, began) {}

bool capture_reader::open(const std::string& file) {
  auto opened = session_.open(file);
  if (opened) {
    file_ = file;
    return true;
  }
  if (interruption() != 0)
    return false;  // the read was interrupted: that says nothing about the file
  const bool odd = opened.error().code == EINVAL;
  report_error(opened.error().detail + (odd ? "; khelp reads pcap and pcapng captures" : ""));
  how_each_went_.push_back(exit_code_for_capture(opened.error().code));
  return false;
}

bool capture_reader::step() {
  constexpr std::uint64_t packets_between_looks = 1024;
  if (!session_.step())
    return false;
  if (session_.packets() % packets_between_looks != 0)
    return true;
  const auto now = steady::now();
  if (progress_.due(now))
    progress_.show(now, progress_text(file_, session_.share_read(), session_.packets()));
  return true;
}

void capture_reader::close() {
  progress_.clear();
  session_.close_capture();
  const tcp::capture_summary& capture = session_.captures().back();
  if (interruption() == 0 && !capture.error.empty())
    report_error(capture.error);
  for (const std::string& warning : capture.warnings)
    report_error(warning);
  how_each_went_.push_back(capture.error.empty() ? exit_done : exit_failed);
}

bool capture_reader::any_opened() const {
  for (const exit_code one : how_each_went_) {
    if (one == exit_done || one == exit_failed)
      return true;
  }
  return how_each_went_.empty();
}

void capture_reader::summarize(const std::vector<std::string>& asked, replay_summary& to) const {
  for (const tcp::capture_summary& capture : session_.captures()) {
    to.captures.push_back({.file = capture.file,
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
  if (interruption() == 0 || to.captures.empty())
    return;
  to.interrupted = true;
  to.captures.back().error = "interrupted";
  for (std::size_t i = to.captures.size(); i < asked.size(); ++i)
    to.not_begun.push_back(asked[i]);
}

reason_counts reasons_of(const tcp::not_followed_counts& counts) {
  reason_counts reasons;
  for (std::size_t i = 0; i < tcp::not_followed_texts.size(); ++i)
    reasons.push_back(
        {tcp::not_followed_texts[i].key, tcp::not_followed_texts[i].text, counts.by_reason()[i]});
  return reasons;
}

void report_not_followed(const std::vector<capture_report>& captures, report_form form) {
  // Table and JSON have a place for all of them; rows of CSV have none.
  const bool has_place = form != report_form::csv;
  for (const capture_report& capture : captures) {
    if (many_not_followed(capture) || (!has_place && all_of(capture.not_followed) != 0))
      report_error(capture.file + ": not followed: " + not_followed_text(capture.not_followed));
    if (many_without_time(capture) || (!has_place && capture.without_time != 0))
      report_error(capture.file + ": " + without_time_text(capture.without_time));
  }
}

}  // namespace khelp::app
