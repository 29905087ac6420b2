/// How many connections there may be, whoever follows them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "subsystem/tcp/engine.hpp"

namespace khelp::tcp {

/// The connections of all engines, held against the limits. For one thread, while nobody else runs
/// any of the engines.
class crowd {
 public:
  crowd(std::vector<engine*> all, const flow_limits& limits)
      : engines_(std::move(all)), limits_(limits) {}

  /// A connection is about to begin with this packet: those in its way are given up.
  void make_room(uint64_t packet);

 private:
  struct member {
    engine* keeper = nullptr;
    flow* connection = nullptr;
  };
  size_t number_at(stage how_far) const;
  size_t live() const;
  member longest_idle(stage how_far) const;
  member in_the_way() const;

  const std::vector<engine*> engines_;
  const flow_limits limits_;
};

}  // namespace khelp::tcp
