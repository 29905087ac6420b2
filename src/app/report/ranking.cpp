#include "app/report/ranking.hpp"

#include <algorithm>
#include <utility>

namespace khelp::app {
namespace {

bool busier(const ranked_direction& a, const ranked_direction& b) {
  if (a.direction.bytes != b.direction.bytes)
    return a.direction.bytes > b.direction.bytes;
  if (a.direction.segments != b.direction.segments)
    return a.direction.segments > b.direction.segments;
  return a.arrival < b.arrival;
}

}  // namespace

bool ranking::would_keep(const direction_report& direction) const {
  if (kept_.size() < places_)
    return true;
  if (kept_.empty())
    return false;
  const direction_report& least = kept_.front().direction;
  return direction.bytes > least.bytes ||
         (direction.bytes == least.bytes && direction.segments > least.segments);
}

void ranking::add(direction_report direction, std::string sparkline, std::uint64_t instance) {
  if (!would_keep(direction)) {
    count_among_others(direction);
    ++arrivals_;
    return;
  }
  kept_.push_back({std::move(direction), std::move(sparkline), arrivals_++, instance});
  std::push_heap(kept_.begin(), kept_.end(), busier);
  if (kept_.size() <= places_)
    return;
  std::pop_heap(kept_.begin(), kept_.end(), busier);
  count_among_others(kept_.back().direction);
  kept_.pop_back();
}

std::vector<ranked_direction> ranking::take() {
  std::sort_heap(kept_.begin(), kept_.end(), busier);
  return std::move(kept_);
}

void ranking::count_among_others(const direction_report& direction) {
  ++others_.directions;
  others_.segments += direction.segments;
  others_.bytes += direction.bytes;
  others_.retransmitted += direction.retransmitted;
}

}  // namespace khelp::app
