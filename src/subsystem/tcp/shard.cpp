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

void shard::run(batch& work, connection_limit* limit) {
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
    go_to(work, what.time);
    engine_.apply(what, limit);
  }
  finish(work);
}

void shard::begin(batch& work) {
  watcher_->enter();
  if (work.outcomes[number_].found != nullptr)
    watcher_->note_into(*work.outcomes[number_].found);
  seen_ = 0;
}

void shard::advance(const batch& work, size_t time) {
  watcher_->enter();
  go_to(work, time);
}

void shard::apply(const routed_segment& what, connection_limit* limit) {
  watcher_->enter();
  engine_.apply(what, limit);
}

void shard::go_to(const batch& work, size_t time) {
  close_silent_before(work, time);
  engine_.tick(work.first_packet + time, work.times[time]);
  seen_ = time + 1;
}

void shard::finish(batch& work) {
  watcher_->enter();
  close_silent_before(work, work.times.size());
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

/// The idle clock does not go back, so the first packet at which something is due is found by
/// bisection.
void shard::close_silent_before(const batch& work, size_t time) {
  while (seen_ < time && work.times[time - 1].now_ns > engine_.due_ns()) {
    const auto begin = work.times.begin();
    const auto due = std::partition_point(
        begin + static_cast<ptrdiff_t>(seen_), begin + static_cast<ptrdiff_t>(time),
        [&](const auto& each) { return each.now_ns <= engine_.due_ns(); });
    const auto at = static_cast<size_t>(due - begin);
    engine_.tick(work.first_packet + at, *due);
    seen_ = at + 1;
  }
}

}  // namespace khelp::tcp
