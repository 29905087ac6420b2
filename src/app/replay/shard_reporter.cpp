#include "app/replay/shard_reporter.hpp"

#include <utility>

#include "app/replay/connection_report.hpp"

namespace khelp::app {

/// Keeps room for what a batch usually holds: growing piece by piece would fragment the heap.
/// After one in which many connections closed at once the rest goes back.
void shard_events::clear() {
  constexpr std::size_t usual_events = 256;
  constexpr std::size_t usual_text = std::size_t{64} * 1024;
  all.clear();
  text.clear();
  if (all.capacity() > 8 * usual_events)
    std::vector<replay_event>().swap(all);
  if (text.capacity() > 8 * usual_text)
    std::string().swap(text);
  all.reserve(usual_events);
  text.reserve(usual_text);
}

void shard_reporter::enter() {
  if (!measurements_) {
    measurements::sample_listener listener;
    if (common_.wants_samples)
      listener = [this](const tcp::flow& of, const std::string& line) {
        replay_event& fresh = note(of, replay_event::sample);
        batch_->text += line;
        fresh.text_end = batch_->text.size();
      };
    measurements_.emplace(std::move(listener), common_.wanted_curves);
  }
  measurements_->listen();
}

std::unique_ptr<tcp::batch_result> shard_reporter::new_batch_result() {
  auto room = std::make_unique<shard_events>();
  room->clear();
  return room;
}

void shard_reporter::note_into(tcp::batch_result& batch) {
  batch_ = &static_cast<shard_events&>(batch);
}

replay_event& shard_reporter::note(const tcp::flow& flow, replay_event::kind_of_event kind) {
  replay_event& fresh = batch_->all.emplace_back();
  fresh.when = now;
  fresh.connection = flow.began_at;
  fresh.kind = kind;
  fresh.text_begin = fresh.text_end = batch_->text.size();
  return fresh;
}

void shard_reporter::began(const tcp::flow& fresh) {
  note(fresh, replay_event::began);
}

void shard_reporter::closes(const tcp::flow& gone, tcp::ending) {
  closing_ = describe(gone, [this](const tcp::end& end) { return read(end); });
}

/// Noted after the samples of its helpers' destructors, which belong to this connection.
void shard_reporter::closed(const tcp::flow& gone) {
  replay_event& closed = note(gone, replay_event::closed);
  for (const direction_report& direction : closing_.directions) {
    closed.directions_with_data += direction.bytes > 0 ? 1 : 0;
    closed.copies += direction.copies;
  }
  common_.writer->append_text(batch_->text, closing_);
  closed.text_end = batch_->text.size();
  direction_curves curves;
  for (std::size_t i = 0; i < reported_ends(gone); ++i)
    curves.push_back(measurements_->take(gone.ends[i].block.osd));
  if (common_.keep_reports)
    closed.kept = std::make_unique<closed_connection>(
        closed_connection{std::move(closing_), std::move(curves)});
}

void shard_reporter::releases(const tcp::flow& flow) {
  for (std::size_t i = 0; i < reported_ends(flow); ++i)
    harvest_.emplace(&flow.ends[i], read_now(flow.ends[i]));
}

std::vector<std::optional<helper_data>> shard_reporter::read(const tcp::end& end) {
  if (auto kept = harvest_.extract(&end); !kept.empty())
    return std::move(kept.mapped());
  return read_now(end);
}

std::vector<std::optional<helper_data>> shard_reporter::read_now(const tcp::end& end) {
  auto all = common_.helpers.read(end.block.osd);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i] || !all[i]->report_threw)
      continue;
    reports_thrown_.resize(all.size());
    ++reports_thrown_[i];
  }
  return all;
}

}  // namespace khelp::app
