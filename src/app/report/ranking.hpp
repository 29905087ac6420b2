/// The busiest directions of a replay, in bounded memory, and the sum of all others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "app/report/report.hpp"

namespace khelp::app {

/// One line of the table.
struct ranked_direction {
  direction_report direction;
  std::string sparkline;
  std::uint64_t arrival = 0;  ///< directions that came before
  std::uint64_t instance = 0;
};

/// What became of the directions that are not among the busiest.
struct other_directions {
  std::uint64_t directions = 0;
  std::uint64_t segments = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retransmitted = 0;
};

/// Keeps the `places` busiest: by bytes, then segments, then the order in which they came.
class ranking {
 public:
  explicit ranking(std::size_t places) : places_(places) {}

  /// Whether add() would keep it, so that costly parts are only made for what is kept.
  bool would_keep(const direction_report& direction) const;
  void add(direction_report direction, std::string sparkline, std::uint64_t instance = 0);

  /// Busiest first. Ends the collection.
  std::vector<ranked_direction> take();
  const other_directions& others() const noexcept { return others_; }

 private:
  void count_among_others(const direction_report& direction);

  std::size_t places_;
  std::vector<ranked_direction> kept_;  ///< a heap: the least busy on top
  other_directions others_;
  std::uint64_t arrivals_ = 0;
};

}  // namespace khelp::app
