/// A share of the connections, followed by one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "subsystem/tcp/engine.hpp"
#include "subsystem/tcp/round.hpp"

namespace khelp::tcp {

/// The shard of a connection, by its hash: which of equal shares of 2^64 it falls into.
inline size_t shard_of(uint64_t hash, size_t shards) {
  __extension__ using wide = unsigned __int128;
  return static_cast<size_t>(static_cast<wide>(hash) * shards >> 64);
}

/// Is told of a shard's connections, and notes what it finds out round by round.
class shard_watcher : public flow_watcher {
 public:
  /// Room for what is found out in a round; nullptr: nothing is noted. Used again for later rounds.
  virtual std::unique_ptr<findings> new_findings() { return nullptr; }
  /// A round begins: findings go there from now on. It may be one that was used
  /// before: replay's on_round has read it, and what it left in it is still there.
  virtual void note_into(findings&) {}
};

class shard {
 public:
  shard(size_t number, const flow_limits& limits, std::unique_ptr<shard_watcher> watcher)
      : number_(number), watcher_(std::move(watcher)), engine_(limits, *watcher_) {}

  std::unique_ptr<findings> new_findings() { return watcher_->new_findings(); }

  /// All of its segments in the round; time goes on with the others. `others`: see engine::apply().
  void run(round& work, crowd* others);

  /// The same piece by piece: the round begins,
  void begin(round& work);
  /// time goes on to one of its moments,
  void advance(const round& work, size_t moment);
  /// a segment of the shard's own at that moment,
  void apply(const routed_segment& what, crowd* others);
  /// and what is left behind the last segment.
  void finish(round& work);

  /// An exception left it in the middle of something: it is not run any more.
  void fail() { failed_ = true; }
  bool failed() const { return failed_; }

  engine& connections() { return engine_; }
  const engine& connections() const { return engine_; }

 private:
  void go_to(const round& work, size_t moment);
  void close_part(const closing_part& part);
  void close_silent_before(const round& work, size_t moment);

  const size_t number_;
  const std::unique_ptr<shard_watcher> watcher_;
  engine engine_;
  size_t seen_ = 0;  ///< moments of the round
  bool failed_ = false;
};

}  // namespace khelp::tcp
