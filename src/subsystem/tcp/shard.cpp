#include "subsystem/tcp/shard.hpp"

#include <algorithm>

namespace khelp::tcp {

namespace {

// How many segments ahead memory is fetched: an index slot, then the flow it names.
constexpr size_t far_ahead = 12;
constexpr size_t near_ahead = 6;

}  // namespace

void shard::run(round& work, crowd* others) {
  begin(work);
  const auto& mine = work.of_shard[number_];
  const auto ahead = [&](size_t i) -> const routed_segment& { return work.segments[mine[i]]; };
  for (size_t i = 0; i < mine.size(); ++i) {
    if (i + far_ahead < mine.size())
      engine_.prefetch(ahead(i + far_ahead).hash);
    if (i + near_ahead < mine.size())
      engine_.prefetch_flow(ahead(i + near_ahead).hash);
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
  if (work.closing && work.closing->flush)
    engine_.flush(work.closing->when.when_ns, work.closing->until);
  else if (work.closing)
    engine_.tick(work.closing->until.packet, work.closing->when, work.closing->until);
  work.outcomes[number_].live = engine_.live();
  work.outcomes[number_].opening = engine_.table().number_at(stage::opening);
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
