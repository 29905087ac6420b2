/// What the shards found out, put in one order.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "app/replay/connection_numbers.hpp"
#include "app/replay/shard_reporter.hpp"
#include "subsystem/tcp/round.hpp"

namespace khelp::app {

/// Merges each round's findings into the order in which a single thread finds them, and numbers the
/// connections, which only then is possible.
class gathering {
 public:
  /// A sample or a closed connection: its text and its connection's number.
  using listener =
      std::function<void(const happening&, std::string_view text, std::uint64_t number)>;

  explicit gathering(listener listens) : listener_(std::move(listens)) {}

  /// Rounds in their order; of each, what every shard found. It is cleared.
  void add(const std::vector<tcp::shard_outcome>& round);

 private:
  void report(const happenings& shard, const happening& next);

  const listener listener_;
  std::uint64_t connections_ = 0;
  connection_numbers numbers_;
};

}  // namespace khelp::app
