/// Packets on their way from the reader to the connections they belong to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/event_key.hpp"
#include "subsystem/tcp/flow_table.hpp"
#include "subsystem/tcp/kept_list.hpp"
#include "subsystem/tcp/points.hpp"

namespace khelp::tcp {

/// When a packet came, on both clocks of a replay.
struct replay_time {
  int64_t when_ns = 0;  ///< capture time
  int64_t now_ns = 0;   ///< the idle clock
};

/// Where a segment was captured.
struct capture_position {
  uint32_t capture = 0;  ///< which capture of the replay, from 0
  uint64_t packet = 0;   ///< which packet of it, from 1
};

/// A segment, and what it takes to find its connection.
struct routed_segment {
  segment seg;
  segment_key to;
  uint64_t hash = 0;
  const point_pair* where = nullptr;
  capture_position at;
  bool timed = true;  ///< its capture time is known
  uint32_t time = 0;  ///< its index in batch::times
};

/// What a shard's watcher notes of a batch.
class batch_result {
 public:
  virtual ~batch_result() = default;
};

/// What a batch did to one shard.
struct shard_outcome {
  std::unique_ptr<batch_result> found;  ///< shard_watcher::new_batch_result()
  size_t live = 0;                      ///< connections after it
  size_t opening = 0;                   ///< of these, with SYNs only
  size_t ending = 0;                    ///< of these, ended
  std::exception_ptr failure;
};

/// Why many connections close together.
enum class closing_reason : uint8_t {
  silent,   ///< at a packet after a long silence
  shed,     ///< after a packet: they ended, and there are many
  flushed,  ///< after the last packet
};

/// A part of these.
struct closing_part {
  replay_time when;  ///< of that packet
  event_key until;   ///< close what closes up to here
  closing_reason why = closing_reason::silent;
};

/// Helpers' data goes after that packet.
struct data_release {
  uint64_t packet = 0;
  int64_t when_ns = 0;  ///< capture time
};

/// Packets that follow one another in the replay, or a part of many closings, or a release. Filled
/// by the reader, looked at by each shard, which leaves its outcome.
struct batch {
  uint64_t first_packet = 0;  ///< the number of times.front(), counted from 1 over all captures
  std::vector<replay_time> times;  ///< of all packets, whatever they hold: time goes on with them
  kept_list<routed_segment> segments;
  std::vector<std::vector<uint32_t>> of_shard;  ///< whose segments are whose
  std::optional<closing_part> closing;
  std::optional<data_release> release;
  std::vector<shard_outcome> outcomes;  ///< by shard
};

}  // namespace khelp::tcp
