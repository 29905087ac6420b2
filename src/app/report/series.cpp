#include "app/report/series.hpp"

#include <algorithm>

namespace khelp::app {
namespace {

void merge(series::slot& into, const series::slot& from) {
  if (from.count == 0)
    return;
  into.least = into.count == 0 ? from.least : std::min(into.least, from.least);
  into.most = into.count == 0 ? from.most : std::max(into.most, from.most);
  into.sum += from.sum;
  into.count += from.count;
}

}  // namespace

void series::add(std::int64_t when_ns, std::int64_t value) {
  if (slots_.empty())
    start_ns_ = when_ns;
  const auto since = static_cast<std::uint64_t>(std::max(when_ns, start_ns_)) -
                     static_cast<std::uint64_t>(start_ns_);
  while (since / static_cast<std::uint64_t>(slot_ns_) >= capacity_)
    join_neighbours();
  const std::size_t at = since / static_cast<std::uint64_t>(slot_ns_);
  if (at >= slots_.size())
    slots_.resize(at + 1);
  merge(slots_[at], slot{1, value, value, static_cast<double>(value)});
  ++count_;
}

void series::join_neighbours() {
  const std::size_t joined = (slots_.size() + 1) / 2;
  for (std::size_t i = 0; i < joined; ++i) {
    slot both = slots_[2 * i];
    if (2 * i + 1 < slots_.size())
      merge(both, slots_[2 * i + 1]);
    slots_[i] = both;
  }
  slots_.resize(joined);
  slot_ns_ *= 2;
}

}  // namespace khelp::app
