/// Live connections, by address: found fast, forgotten after silence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "subsystem/tcp/decode/decode.hpp"
#include "subsystem/tcp/flow.hpp"
#include "subsystem/tcp/idle_heap.hpp"

namespace khelp::tcp {

/// How long connections live without segments, in capture time, and how many there may be
/// (connection_limit, replay_session).
///
/// Source   RFC 5382 REQ-5: established connections are idle for up to 2 h 4 min, others for 4 min.
struct flow_limits {
  int64_t opening_ns = 240'000'000'000;
  int64_t open_ns = 7'440'000'000'000;
  int64_t ending_ns = 240'000'000'000;
  size_t flows = 65536;
  size_t opening_flows = 8192;  ///< of these, with SYNs only: a flood does not drive others out
  size_t ending_flows = 4096;   ///< of these, ended: more are left in memory for a moment only

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
void find_key(const segment& seg, uint32_t instance, segment_key& found);

/// Of keys, with a seed of its own, so that addresses that collide cannot be prepared.
class flow_hash {
 public:
  flow_hash();
  uint64_t operator()(const flow_key& key) const;

 private:
  const uint64_t seed_;
};

/// Flows at fixed addresses in chunks; an open-addressed index from key to flow; per stage a queue
/// in the order in which they came to it, and a heap by how long they have been silent.
///
/// Allocates when it grows, never for a packet of a known connection. Memory of ended flows is
/// reused.
class flow_table {
 public:
  explicit flow_table(const flow_limits& limits);
  flow_table(const flow_table&) = delete;
  flow_table& operator=(const flow_table&) = delete;
  ~flow_table();

  /// A packet of the replay: its number and the time of the idle clock. Neither goes back.
  void advance(uint64_t packet, int64_t now_ns);
  /// Nothing is silent before the idle clock has passed this; perhaps not then either.
  int64_t due_ns() const { return due_ns_; }

  /// nullptr: unknown.
  flow* find(const flow_key& key, uint64_t hash);
  /// find() will be called: fetch into the cache what it reads first.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[home_of(hash)]); }
  /// The same a little later: fetch the flow.
  void prefetch_flow(uint64_t hash) const;
  /// And later still: what helpers keep on its ends.
  void prefetch_data(uint64_t hash) const;
  /// A new flow, which begins with the packet at hand; the key must be unknown.
  flow& insert(const flow_key& key, uint64_t hash);
  /// Forget a flow. Its memory is reused.
  void erase(flow& gone);

  /// The flow had a segment.
  void touch(flow& active) { active.active_ns = now_ns_; }
  void set_stage(flow& f, stage how_far);

  /// A flow that has been silent for too long; nullptr: none. Call again until it says so. They
  /// come by stage, the longest silent first.
  flow* next_silent();
  /// Of those at a stage, the one that came to it first; nullptr: there is none.
  flow* first_at(stage how_far) { return queue_of(how_far).head; }
  /// Of those at a stage, the one that has been silent for longest; nullptr: there is none.
  flow* longest_idle(stage how_far) { return idle_of(how_far).longest_idle(); }
  size_t number_at(stage how_far) const { return idle_of(how_far).size(); }
  /// Those that next_silent() would find at a later time.
  void for_each_silent(int64_t now_ns, const std::function<void(const flow&)>& visit) const;
  void for_each(const std::function<void(const flow&)>& visit) const;
  void for_each_at(stage how_far, const std::function<void(const flow&)>& visit) const;
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
  };

  size_t home_of(uint64_t hash) const { return hash & (slots_.size() - 1); }
  queue& queue_of(stage how_far) { return queues_[static_cast<size_t>(how_far)]; }
  const queue& queue_of(stage how_far) const { return queues_[static_cast<size_t>(how_far)]; }
  idle_heap& idle_of(stage how_far) { return idle_[static_cast<size_t>(how_far)]; }
  const idle_heap& idle_of(stage how_far) const { return idle_[static_cast<size_t>(how_far)]; }
  void place(flow& f);
  void grow_index();
  void grow_pool();
  void enqueue(flow& f);
  void dequeue(flow& f);

  const flow_limits limits_;
  uint64_t packet_ = 0;
  int64_t now_ns_ = 0;
  int64_t due_ns_ = std::numeric_limits<int64_t>::max();

  std::vector<slot> slots_;  // a power of two, at most half of them owned
  std::vector<std::unique_ptr<chunk>> chunks_;
  flow* free_ = nullptr;
  size_t count_ = 0;
  std::array<queue, stages> queues_;
  std::array<idle_heap, stages> idle_;
};

}  // namespace khelp::tcp
