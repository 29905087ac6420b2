/// All live connections, by address: found fast, forgotten after silence, bounded in number.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "subsystem/tcp/decode.hpp"
#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {

/// How long connections live without segments, in capture time, and how many there may be.
struct flow_limits {
  int64_t opening_ns = 75'000'000'000;  ///< FreeBSD's keepinit
  int64_t open_ns = 180'000'000'000;
  int64_t ending_ns = 10'000'000'000;
  size_t flows = 65536;
  size_t opening_flows = 8192;  ///< of these, with SYNs only: a flood does not drive others out

  int64_t of(stage how_far) const {
    switch (how_far) {
      case stage::opening:
        return opening_ns;
      case stage::open:
        return open_ns;
      case stage::ending:
        return ending_ns;
    }
    return open_ns;
  }
};

/// The key of a segment's connection, and whether its sender is the high pair.
struct segment_key {
  flow_key key;
  bool from_high;
  bool with_itself;
};
segment_key key_of(const segment& seg, uint32_t instance);

/// Flows at fixed addresses in chunks; an open-addressed index from key to flow; one queue per
/// stage.
///
/// Allocates when it grows, never for a packet of a known connection. Memory of ended flows is
/// reused.
class flow_table {
 public:
  explicit flow_table(const flow_limits& limits);
  flow_table(const flow_table&) = delete;
  flow_table& operator=(const flow_table&) = delete;
  ~flow_table();

  /// The table's clock: it goes on with capture time, by at most a minute from packet to packet and
  /// never back. A longer gap is one of the capture, or a stray time stamp, and says nothing about
  /// silence.
  void tick(int64_t when_ns);

  uint64_t hash_of(const flow_key& key) const;
  /// nullptr: unknown.
  flow* find(const flow_key& key, uint64_t hash);
  /// A new flow; the key must be unknown, and nothing in_the_way().
  flow& insert(const flow_key& key, uint64_t hash);
  /// Forget a flow. Its memory is reused.
  void erase(flow& gone);

  /// The flow had a segment.
  void touch(flow& active) { active.active_ns = now_ns_; }
  void set_stage(flow& f, stage how_far);

  /// A flow that has been silent for too long; nullptr: none. Call again until it says so.
  flow* next_silent();
  /// Whom to give up before another one can begin; nullptr: there is room.
  flow* in_the_way();
  /// Any flow; nullptr: the table is empty.
  flow* any();
  void for_each(const std::function<void(const flow&)>& visit) const;
  size_t size() const { return count_; }

 private:
  static constexpr size_t chunk_flows = 256;
  struct alignas(flow) chunk {
    std::byte memory[chunk_flows * sizeof(flow)];
  };
  struct slot {
    uint32_t hash = 0;  // the upper half of the flow's hash
    flow* owner = nullptr;
  };
  struct queue {
    flow* head = nullptr;
    flow* tail = nullptr;
    size_t length = 0;
  };

  size_t home_of(uint64_t hash) const { return hash & (slots_.size() - 1); }
  queue& queue_of(stage how_far) { return queues_[static_cast<size_t>(how_far)]; }
  void place(flow& f);
  void grow_index();
  void grow_pool();
  void enqueue(flow& f);
  void dequeue(flow& f);

  const flow_limits limits_;
  const uint64_t seed_;
  int64_t now_ns_ = 0;
  std::optional<int64_t> latest_ns_;  // capture time of the latest packet

  std::vector<slot> slots_;  // a power of two, at most half of them owned
  std::vector<std::unique_ptr<chunk>> chunks_;
  flow* free_ = nullptr;
  size_t count_ = 0;
  std::array<queue, stages> queues_;
};

}  // namespace khelp::tcp
