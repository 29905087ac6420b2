/// How a replay's batches run: by the shards' threads, by the session's own, and delivered in order.
#include <csignal>
#include <system_error>
#include <utility>

#include "subsystem/tcp/replay.hpp"

namespace khelp::tcp {

namespace {

/// Signals go to the session's thread, whose reads they are to interrupt.
class signals_blocked {
 public:
  signals_blocked() {
    sigset_t all;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  signals_blocked(const signals_blocked&) = delete;
  signals_blocked& operator=(const signals_blocked&) = delete;
  ~signals_blocked() { (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

void replay_session::dispatch() {
  filling_ = false;
  batch& next = batches_.vacant();
  if (!may_run_apart(next)) {
    collect_all();
    run_alone(next);
    deliver(next);
    return;
  }
  segments_under_way_ += next.segments.size();
  batches_.submit();
  while (batches_.full() || (!batches_.idle() && batches_.oldest_is_done()))
    collect_oldest();
}

/// By the shards' own threads. The first batch decides whether that is worth it: small captures are
/// done before threads have started.
bool replay_session::may_run_apart(const batch& next) {
  if (shards_.size() == 1)
    return false;
  const bool of_packets = !next.closing && !next.release;
  if (threads_.empty() && (!of_packets || !std::exchange(beyond_one_batch_, true)))
    return false;
  if (!start_threads())
    return false;
  if (!has_room_for(next))
    collect_all();  // then it is known exactly how many connections live
  return has_room_for(next);
}

/// Each of its segments may begin a connection, and none will be in another's way.
bool replay_session::has_room_for(const batch& next) const {
  const size_t more = segments_under_way_ + next.segments.size();
  return live_ + more <= wanted_.limits.flows && opening_ + more <= wanted_.limits.opening_flows;
}

/// Refused them, the session does everything itself.
bool replay_session::start_threads() {
  if (!threads_.empty() || threads_refused_)
    return !threads_refused_;
  const signals_blocked here;
  try {
    while (threads_.size() + 1 < shards_.size())
      threads_.emplace_back(&replay_session::work, this);
  } catch (const std::system_error&) {
    stop();
    threads_refused_ = true;
  }
  return !threads_refused_;
}

void replay_session::work() {
  for (auto next = batches_.take(); next.item != nullptr; next = batches_.take())
    run_part(next);
}

/// A shard's part of a batch. After a failure there are no more.
void replay_session::run_part(const batch_queue<batch>::part& mine) {
  shard& runs = *shards_[mine.lane];
  try {
    if (!runs.failed())
      runs.run(*mine.item, nullptr);
  } catch (...) {
    mine.item->outcomes[mine.lane].failure = std::current_exception();
    runs.fail();
  }
  batches_.done(mine);
}

void replay_session::run_alone(batch& all) {
  if (shards_.size() == 1) {
    shards_.front()->run(all, &connection_limit_);
  } else if (has_room_for(all)) {
    for (const auto& each : shards_)
      each->run(all, nullptr);
  } else {
    run_in_step(all);
  }
}

/// Packet by packet, as they came.
void replay_session::run_in_step(batch& all) {
  for (const auto& each : shards_)
    each->begin(all);
  for (const routed_segment& what : all.segments) {
    for (const auto& each : shards_)
      each->advance(all, what.time);
    shards_[shard_of(what.hash, shards_.size())]->apply(what, &connection_limit_);
  }
  for (const auto& each : shards_)
    each->finish(all);
}

void replay_session::deliver(batch& done) {
  live_ = opening_ = ending_ = 0;
  for (const shard_outcome& each : done.outcomes) {
    if (each.failure)
      std::rethrow_exception(each.failure);
    live_ += each.live;
    opening_ += each.opening;
    ending_ += each.ending;
  }
  if (wanted_.on_batch)
    wanted_.on_batch(done.outcomes);
  done.times.clear();
  done.segments.clear();
  for (auto& mine : done.of_shard)
    mine.clear();
  done.closing.reset();
  done.release.reset();
}

/// This thread has nothing better to do than to help.
void replay_session::collect_oldest() {
  for (auto next = batches_.take_until_oldest_is_done(); next.item != nullptr;
       next = batches_.take_until_oldest_is_done())
    run_part(next);
  batch& oldest = batches_.collect();
  segments_under_way_ -= oldest.segments.size();
  deliver(oldest);
}

void replay_session::collect_all() {
  while (!batches_.idle())
    collect_oldest();
}

void replay_session::settle() {
  if (filling_ && !batches_.vacant().times.empty())
    dispatch();
  collect_all();
}

}  // namespace khelp::tcp
