/// What a segment does to its connection, in the order of a BSD stack: the sender's point, the
/// receiver's point, and only then the state that both points read.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "subsystem/tcp/batch.hpp"
#include "subsystem/tcp/event_key.hpp"
#include "subsystem/tcp/flow_table.hpp"

namespace khelp::tcp {

class connection_limit;

/// Why a connection is reported.
enum class ending : uint8_t {
  closed,   ///< both FINs acknowledged, and silence since
  reset,    ///< RST, and silence since
  reused,   ///< a new SYN for the same addresses and ports
  silent,   ///< nothing for too long
  evicted,  ///< there were too many
  flushed,  ///< the replay ended
};

/// Is called for an engine's connections, on the thread that runs it.
class flow_watcher {
 public:
  virtual ~flow_watcher() = default;
  /// The engine goes on with this thread, on which other engines may have run meanwhile.
  virtual void enter() {}
  virtual void began(const flow&) {}
  /// A connection closes; helpers' data on its ends is still there. Once for every connection.
  virtual void closes(const flow&, ending) {}
  /// The same connection: the data is gone, and its destructors have run.
  virtual void closed(const flow&) {}
  /// Helpers' data on its ends is about to go before the connection does.
  virtual void releases(const flow&) {}

  event_key now;  ///< where the engine is, which sets it
};

/// Connections, followed one packet after the other.
class engine {
 public:
  engine(const flow_limits& limits, flow_watcher& watcher) : watcher_(watcher), table_(limits) {}
  /// Live connections end unreported.
  ~engine();

  /// Time goes on to a packet, whatever it holds: silent connections are closed, up to here.
  void tick(uint64_t packet, const replay_time& when, const event_key& until = last_event_key);
  /// The first time of the idle clock after which tick() may have something to close.
  int64_t due_ns() const { return table_.due_ns(); }
  /// That packet is a segment. `limit`: what evicts connections when a new one begins; nullptr: it
  /// is known that there is room.
  void apply(const routed_segment& what, connection_limit* limit);

  /// How those will be closed that tick() finds silent then, in no particular order.
  void list_silent(uint64_t packet, const replay_time& when, std::vector<event_key>& all) const;
  /// How connections that ended will be closed after that packet, if there are too many: in no
  /// particular order.
  void list_ended(uint64_t packet, std::vector<event_key>& all) const;
  /// Close them, up to here.
  void shed(int64_t when_ns, const event_key& until);
  /// How live connections will be closed after that packet, in no particular order.
  void list_flush(uint64_t packet, std::vector<event_key>& all) const;
  /// Close them, up to here.
  void flush(int64_t when_ns, const event_key& until);
  /// Helpers' data on all connections goes as if they closed, and the connections stay.
  void release(const data_release& when);
  /// Close one before its time.
  void evict(flow& gone, const event_key& when);

  void prefetch(uint64_t hash) const { table_.prefetch(hash); }
  void prefetch_flow(uint64_t hash) const { table_.prefetch_flow(hash); }
  void prefetch_data(uint64_t hash) const { table_.prefetch_data(hash); }

  /// Every connection that lives, in no particular order.
  void for_each_live(const std::function<void(const flow&)>& visit) const {
    table_.for_each(visit);
  }
  size_t live() const { return table_.size(); }
  const flow_table& table() const { return table_; }
  flow_table& table() { return table_; }
  /// Connections that ever lived.
  uint64_t opened() const { return opened_; }
  /// Ends for whose helpers there was no memory.
  uint64_t ends_without_memory() const { return ends_without_memory_; }

 private:
  flow& open(const routed_segment& what);
  void close(flow& gone, ending why, const event_key& when);
  static void destroy_data(flow& f);
  void apply_to(flow& f, end& from, end& to, const routed_segment& what);

  flow_watcher& watcher_;
  flow_table table_;
  uint64_t packet_ = 0;
  int64_t when_ns_ = 0;
  uint64_t opened_ = 0;
  uint64_t ends_without_memory_ = 0;
};

}  // namespace khelp::tcp
