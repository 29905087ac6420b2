/// Replaying captures through the hook points: what the program's `replay` command drives.
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "subsystem/tcp/batch_queue.hpp"
#include "subsystem/tcp/capture/packet_source.hpp"
#include "subsystem/tcp/connection_limit.hpp"
#include "subsystem/tcp/decode/not_followed.hpp"
#include "subsystem/tcp/decode/reassembly.hpp"
#include "subsystem/tcp/idle_clock.hpp"
#include "subsystem/tcp/points.hpp"
#include "subsystem/tcp/shard.hpp"

namespace khelp::tcp {

/// What was read of one capture.
struct capture_summary {
  std::string file;
  std::string link_type;
  uint64_t packets = 0;
  uint64_t tcp_segments = 0;
  uint64_t fragments = 0;  ///< pieces of IP packets that may hold TCP; a whole packet is a segment
  uint64_t malformed = 0;  ///< frames whose headers contradict themselves
  not_followed_counts not_followed;
  uint64_t without_time = 0;        ///< packets
  std::optional<int64_t> first_ns;  ///< time of its first packet that has one
  std::optional<int64_t> last_ns;
  std::string error;  ///< why it could not be opened or read on, where; "": it was read whole
  std::vector<std::string> warnings;  ///< oddities that did not stop the reading; the first few
};

/// Captures in the order they are opened, packet by packet, as one stream on one clock.
///
/// A capture that does not begin later than the one before it (that had any packet) cannot go on
/// where that one ended: every connection closes before its first packet, as after the last one.
/// The idle clock goes on; it stands still where time goes back.
///
/// Packets are read in batches. The connections are divided into shards by a hash of their
/// addresses; each shard goes through a batch by itself, on any thread that has time: the session's
/// own helps when it has read far enough ahead. What happens to a connection depends on its own
/// packets and on the clock, which is the same for all; so every division gives the same results,
/// and event_key puts those of several shards in one order. (What would depend on other
/// shards' connections, their number, is decided by one thread alone: see connection_limit.)
///
/// One at a time per process (it owns the TCP points), used by one thread.
class replay_session {
 public:
  struct settings {
    flow_limits limits = {};
    instances_by instances = instances_by::none;
    size_t shards = 1;  ///< as many threads, the session's included
    /// Makes the watcher of a shard's connections, which is called on the thread that runs them.
    std::function<std::unique_ptr<shard_watcher>(size_t shard)> watcher_of = {};
    /// Called on the session's thread for each batch, in their order: what the watchers noted.
    std::function<void(const std::vector<shard_outcome>&)> on_batch = {};
  };

  /// Errors   EEXIST the points are taken · ENOMEM.
  static result<std::unique_ptr<replay_session>> create(settings wanted);
  replay_session(const replay_session&) = delete;
  replay_session& operator=(const replay_session&) = delete;
  ~replay_session();

  /// No shard runs any more when this returns, whether it has finished or not. Nothing else may
  /// follow.
  void stop();

  /// Open the next capture; "-" is standard input. What goes wrong is in its summary too.
  result<void> open(const std::string& file);
  /// The same for a source made elsewhere.
  void open(std::unique_ptr<packet_source> source);

  /// Read one packet of the open capture; it is replayed with its batch, at the latest when the
  /// source would wait for another. false: the capture has no
  /// more; its summary says whether it was damaged.
  bool step();

  /// Read no more of the open capture: its summary is complete then.
  void close_capture();

  /// Everything that was read is replayed when this returns, and no shard runs.
  void settle();

  /// Close all connections, as if they had ended with the latest packet. Call it when the last
  /// capture has been read, before helpers are unloaded.
  void flush();

  /// Helpers' data on all connections goes, as it does when they close; the connections stay. Call
  /// it before helpers are unloaded. The clock of this thread then says when the latest packet came.
  void release_data();

  /// How much of the open capture was read, from 0 to 1; nothing: it has no known end.
  std::optional<double> share_read() const {
    return source_ != nullptr ? source_->share_read() : std::nullopt;
  }

  const std::vector<capture_summary>& captures() const { return captures_; }
  /// Packets read so far, over all captures.
  uint64_t packets() const { return packets_; }

  // ---- when settled

  size_t live() const;
  /// Connections that ever lived.
  uint64_t opened() const;
  /// Ends for whose helpers there was no memory.
  uint64_t ends_without_memory() const;

 private:
  replay_session(points where, settings wanted);

  void finish(const std::string& error);
  void begin_capture(const frame& first);
  uint32_t instance_of(const segment& seg) const;
  bool add(const frame& packet, batch& into);
  bool completes(segment& piece);
  bool route(batch& into);
  batch& batch_to_fill();
  void dispatch();
  bool may_run_apart(const batch& next);
  void close_silent(const replay_time& when);
  void shed_ended();
  void close_in_parts(std::vector<event_key> closings, const replay_time& when, closing_reason why);
  bool has_room_for(const batch& next) const;
  bool start_threads();
  void work();
  void run_part(const batch_queue<batch>::part& mine);
  void run_alone(batch& all);
  void run_in_step(batch& all);
  void deliver(batch& done);
  void collect_oldest();
  void collect_all();

  const settings wanted_;
  points points_;
  const flow_hash hash_;
  std::vector<std::unique_ptr<shard>> shards_;
  connection_limit connection_limit_;
  idle_clock clock_;
  reassembly reassembly_{{}, [this](uint32_t capture, not_followed why, uint64_t frames) {
                           captures_[capture].not_followed.add(why, frames);
                         }};
  replay_time latest_;  ///< the latest packet
  std::unique_ptr<packet_source> source_;
  std::vector<capture_summary> captures_;
  /// capture_summary::first_ns of the latest capture that had packets.
  std::optional<int64_t> captured_from_ns_;
  uint64_t packets_ = 0;
  std::exception_ptr failure_while_waiting_;

  batch_queue<batch> batches_;
  bool filling_ = false;           ///< rounds_.vacant() is being filled
  bool beyond_one_batch_ = false;  ///< the captures are
  size_t segments_under_way_ = 0;  ///< in batches that were submitted and not collected
  size_t live_ = 0;                ///< after the latest batch that was delivered
  size_t opening_ = 0;
  size_t ending_ = 0;
  bool threads_refused_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace khelp::tcp
