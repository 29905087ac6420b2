#include "subsystem/tcp/shard.hpp"

#include <algorithm>

#include "subsystem/tcp/prefetch.hpp"

namespace khelp::tcp {

namespace {

// How many segments ahead memory is fetched: the segment, which another thread has written; an index
// slot, the flow it names, and what that names.
constexpr size_t segment_ahead = 20;
constexpr size_t slot_ahead = 12;
constexpr size_t flow_ahead = 8;
constexpr size_t data_ahead = 3;

}  // namespace

void shard::run(round& work, crowd* others) {
  begin(work);
  const auto& mine = work.of_shard[number_];
  const auto ahead = [&](size_t i) -> const routed_segment& { return work.segments[mine[i]]; };
  for (size_t i = 0; i < mine.size(); ++i) {
    if (i + segment_ahead < mine.size())
      prefetch_memory(&ahead(i + segment_ahead), sizeof(routed_segment));
    if (i + slot_ahead < mine.size())
      engine_.prefetch(ahead(i + slot_ahead).hash);
    if (i + flow_ahead < mine.size())
      engine_.prefetch_flow(ahead(i + flow_ahead).hash);
    if (i + data_ahead < mine.size())
      engine_.prefetch_data(ahead(i + data_ahead).hash);
    const routed_segment& what = work.segments[mine[i]];
    go_to(work, what.moment);
    engine_.apply(what, others);
  }
  finish(work);
}

void shard::begin(round& work) {
  watcher_->enter();
  if (work.outcomes[number_].found != nullptr)
    watcher_->note_into(*work.outcomes[number_].found);
  seen_ = 0;
}

void shard::advance(const round& work, size_t moment) {
  watcher_->enter();
  go_to(work, moment);
}

void shard::apply(const routed_segment& what, crowd* others) {
  watcher_->enter();
  engine_.apply(what, others);
}

void shard::go_to(const round& work, size_t moment) {
  close_silent_before(work, moment);
  engine_.tick(work.first_packet + moment, work.moments[moment]);
  seen_ = moment + 1;
}

void shard::finish(round& work) {
  watcher_->enter();
  close_silent_before(work, work.moments.size());
  if (work.closing)
    close_part(*work.closing);
  if (work.release)
    engine_.release(*work.release);
  work.outcomes[number_].live = engine_.live();
  work.outcomes[number_].opening = engine_.table().number_at(stage::opening);
  work.outcomes[number_].ending = engine_.table().number_at(stage::ending);
}

void shard::close_part(const closing_part& part) {
  switch (part.why) {
    case closing_reason::silent:
      engine_.tick(part.until.packet, part.when, part.until);
      break;
    case closing_reason::shed:
      engine_.shed(part.when.when_ns, part.until);
      break;
    case closing_reason::flushed:
      engine_.flush(part.when.when_ns, part.until);
      break;
  }
}

/// The silence clock does not go back, so the first moment at which something is due is found by
/// halving.
void shard::close_silent_before(const round& work, size_t moment) {
  while (seen_ < moment && work.moments[moment - 1].now_ns > engine_.due_ns()) {
    const auto begin = work.moments.begin();
    const auto due = std::partition_point(
        begin + static_cast<ptrdiff_t>(seen_), begin + static_cast<ptrdiff_t>(moment),
        [&](const auto& each) { return each.now_ns <= engine_.due_ns(); });
    const auto at = static_cast<size_t>(due - begin);
    engine_.tick(work.first_packet + at, *due);
    seen_ = at + 1;
  }
}

}  // namespace khelp::tcp
