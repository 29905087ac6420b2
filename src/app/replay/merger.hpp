/// The events of all shards, put in one order.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "app/replay/connection_numbers.hpp"
#include "app/replay/shard_reporter.hpp"
#include "subsystem/tcp/batch.hpp"

namespace khelp::app {

/// Merges each batch's events into the order in which a single thread would note them, and numbers
/// the connections, which is possible only then.
class merger {
 public:
  /// A sample or a closed connection: its text and its connection's number.
  using listener =
      std::function<void(const replay_event&, std::string_view text, std::uint64_t number)>;

  explicit merger(listener listens) : listener_(std::move(listens)) {}

  /// Batches in their order; of each, what every shard noted, which is cleared.
  void add(const std::vector<tcp::shard_outcome>& batch);

 private:
  void report(const shard_events& shard, const replay_event& next);

  const listener listener_;
  std::uint64_t connections_ = 0;
  connection_numbers numbers_;
};

}  // namespace khelp::app
