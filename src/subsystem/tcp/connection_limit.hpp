/// How many connections there may be, whoever follows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "subsystem/tcp/engine.hpp"

namespace khelp::tcp {

/// The connections of all engines together, and how many there may be.
///
/// Context  one thread, while no other thread runs any of the engines.
class connection_limit {
 public:
  connection_limit(std::vector<engine*> all, const flow_limits& limits)
      : engines_(std::move(all)), limits_(limits) {}

  /// A connection is about to begin with this packet: as many are evicted as must go for it.
  void evict_for(uint64_t packet);

 private:
  struct member {
    engine* keeper = nullptr;
    flow* connection = nullptr;
  };
  size_t number_at(stage how_far) const;
  size_t live() const;
  member longest_idle(stage how_far) const;
  member next_to_evict() const;

  const std::vector<engine*> engines_;
  const flow_limits limits_;
};

}  // namespace khelp::tcp
