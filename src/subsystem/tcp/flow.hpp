/// A connection as the subsystem keeps it: two ends, each with its control block and its
/// statistics.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <khelp/tcp.h>

#include "subsystem/tcp/copies.hpp"
#include "subsystem/tcp/decode/address_number.hpp"
#include "subsystem/tcp/range_set.hpp"
#include "subsystem/tcp/timestamps.hpp"

namespace khelp::tcp {

struct point_pair;

/// What one end sent.
struct direction_stats {
  uint64_t segments = 0;       ///< all of them, pure ACKs and RSTs included
  uint64_t data_segments = 0;  ///< with payload, retransmissions included
  uint64_t bytes = 0;          ///< payload, retransmissions included
  uint64_t retransmitted = 0;  ///< segments sent again: payload (is_resent()), SYN or FIN
  uint64_t copies = 0;         ///< captured again (copies.hpp): none of these counts in the others
  int64_t first_ns = 0;        ///< time of the first segment; meaningful once segments is not 0
  int64_t last_ns = 0;
};

/// One end, named after the data it sends.
struct end {
  khelp_tcpcb block{};
  khelp_inpcb who{};
  direction_stats stats;
  timestamp_map stamps;  ///< of the TSvals this end sends
  range_set sacked;      ///< what the peer holds beyond snd_una
  range_set unseen;      ///< what the capture did not show between lowest and snd_max

  khelp_tcp_seq lowest = 0;   ///< lowest sequence number known of this end; meaningful once known
  khelp_tcp_seq fin_end = 0;  ///< the number after its FIN; meaningful once fin_seen
  khelp_tcp_seq latest_ack = 0;
  uint32_t duplicate_acks = 0;  ///< times latest_ack was repeated
  int64_t latest_ack_ns = 0;
  int64_t advanced_ns = 0;  ///< when snd_max last grew
  khelp_tcp_seq probe = 0;  ///< the byte that probed a closed window; meaningful once probed
  bool probed = false;
  bool known = false;  ///< its sequence numbers are: it sent something, or the peer acknowledged
  bool sent = false;   ///< it sent something
  bool syn_seen = false;
  bool fin_seen = false;
  bool scale_seen = false;
  bool sends_timestamps = false;
  bool sends_super_segments = false;
};

/// How far a connection has come, which decides how long silence is taken for life.
enum class stage : uint8_t {
  opening,  ///< SYNs only
  open,
  ending,  ///< both FINs acknowledged, or reset: late segments may still come
};
constexpr size_t stages = 3;

/// Those that matter least first.
constexpr std::array<stage, stages> stages_by_weight = {stage::ending, stage::opening, stage::open};

/// The two (address, port) pairs in ascending order, so that both directions
/// agree.
struct flow_key {
  std::array<uint8_t, 16> low_address{};
  std::array<uint8_t, 16> high_address{};
  uint16_t low_port = 0;
  uint16_t high_port = 0;
  uint32_t instance = 0;

  /// All that is no address.
  uint64_t rest() const {
    return uint64_t{low_port} | uint64_t{high_port} << 16 | uint64_t{instance} << 32;
  }
  bool operator==(const flow_key& other) const {
    return number_of(low_address) == number_of(other.low_address) &&
           number_of(high_address) == number_of(other.high_address) && rest() == other.rest();
  }
};

struct flow {
  std::array<end, 2> ends;  ///< ends[0] was seen sending first
  flow_key key;
  uint64_t began_at = 0;  ///< packet of the replay that was its first segment: no other's
  uint64_t hash = 0;
  recent_segments recent;
  const point_pair* where = nullptr;  ///< the points that its segments pass
  uint8_t low_end = 0;                ///< which end has key.low_address and key.low_port
  bool captured_twice = false;        ///< copies of its packets were captured
  bool with_itself = false;           ///< one socket connected to itself: ends[0] is both ends
  stage how_far = stage::opening;
  const end* reset_by = nullptr;  ///< whose RST ended it; nullptr: none did
  uint32_t began_tick = 0;        ///< the clock's tick of its first segment
  int64_t syn_ns = 0;             ///< of the first SYN; 0: none was seen, or not when
  int64_t handshake_ns = 0;       ///< from SYN to the ACK of its answer; 0: not known
  int64_t active_ns = 0;          ///< the table's clock at its latest segment
  uint64_t queued_at = 0;         ///< the packet with which it came to its stage
  uint32_t idle_place = 0;        ///< its idle_heap's
  flow* next = nullptr;           ///< those at its stage, or free list
  flow* previous = nullptr;

  /// The connection that has this control block.
  static const flow& of(const khelp_tcpcb& block) {
    const khelp_tcpcb* peer = block.t_peer;
    return *reinterpret_cast<const flow*>(std::min(&block, peer));
  }

  bool opened() const { return ends[0].syn_seen || ends[1].syn_seen; }
};

// flow::of() relies on it: the first end's control block is where its connection begins, the second
// end's lies after it, and each knows its peer's.
static_assert(std::is_standard_layout_v<flow>);
static_assert(offsetof(flow, ends) == 0 && offsetof(end, block) == 0);

static_assert(sizeof(flow) <= 1024, "a live connection is promised to cost less than 1.5 kB");

}  // namespace khelp::tcp
