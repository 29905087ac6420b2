/// A share of the connections, followed by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "subsystem/tcp/batch.hpp"
#include "subsystem/tcp/engine.hpp"

namespace khelp::tcp {

/// The shard of a connection, by its hash: which of equal shares of 2^64 it falls into.
inline size_t shard_of(uint64_t hash, size_t shards) {
  __extension__ using wide = unsigned __int128;
  return static_cast<size_t>(static_cast<wide>(hash) * shards >> 64);
}

/// Is called for a shard's connections, and notes what there is to report batch by batch.
class shard_watcher : public flow_watcher {
 public:
  /// What it will note of a batch; nullptr: nothing. Used again for later batches.
  virtual std::unique_ptr<batch_result> new_batch_result() { return nullptr; }
  /// A batch begins: notes go there from now on. It may have been used before: then it holds what
  /// replay_session's on_batch left in it.
  virtual void note_into(batch_result&) {}
};

class shard {
 public:
  shard(size_t number, const flow_limits& limits, std::unique_ptr<shard_watcher> watcher)
      : number_(number), watcher_(std::move(watcher)), engine_(limits, *watcher_) {}

  std::unique_ptr<batch_result> new_batch_result() { return watcher_->new_batch_result(); }

  /// All of its segments in the batch; time goes on with those of other shards, too. `limit`: see
  /// engine::apply().
  void run(batch& work, connection_limit* limit);

  // The same piece by piece, in this order.

  /// The batch begins.
  void begin(batch& work);
  /// Time goes on to one of its packets.
  void advance(const batch& work, size_t time);
  /// That packet is a segment of this shard.
  void apply(const routed_segment& what, connection_limit* limit);
  /// What comes after its last segment.
  void finish(batch& work);

  /// An exception left it in the middle of something: it is not run any more.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

  engine& connections() { return engine_; }
  const engine& connections() const { return engine_; }

 private:
  void go_to(const batch& work, size_t time);
  void close_part(const closing_part& part);
  void close_silent_before(const batch& work, size_t time);

  const size_t number_;
  const std::unique_ptr<shard_watcher> watcher_;
  engine engine_;
  size_t seen_ = 0;  ///< packets of the batch
  bool failed_ = false;
};

}  // namespace khelp::tcp
