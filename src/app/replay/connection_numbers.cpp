#include "app/replay/connection_numbers.hpp"

#include <bit>
#include <utility>

namespace khelp::app {

connection_numbers::connection_numbers()
    : entries_(1024), bits_(std::countr_zero(entries_.size())) {}

void connection_numbers::add(std::uint64_t began, std::uint64_t number) {
  if ((used_ + 1) * 2 > entries_.size())
    grow();
  place({began, number});
  ++used_;
}

void connection_numbers::remove(std::uint64_t began) {
  std::size_t hole = find(began);
  // Entries that were pushed past the hole move up by one, so that no search stops early. Behind one
  // that is at home there are none (place()): of a flood, whose connections lie in one row, a removal
  // looks at one entry.
  for (std::size_t at = after(hole); entries_[at].began != 0 && distance_from_home(at) != 0;
       at = after(at)) {
    entries_[hole] = entries_[at];
    hole = at;
  }
  entries_[hole] = {};
  --used_;
}

std::size_t connection_numbers::find(std::uint64_t began) const {
  std::size_t at = home_of(began);
  while (entries_[at].began != began)
    at = after(at);
  return at;
}

// An entry that is farther from its home takes the place of one that is nearer, which moves on. So
// entries lie in the order of their homes.
void connection_numbers::place(entry added) {
  std::size_t distance = 0;
  for (std::size_t at = home_of(added.began);; at = after(at), ++distance) {
    if (entries_[at].began == 0) {
      entries_[at] = added;
      return;
    }
    if (const std::size_t other = distance_from_home(at); other < distance) {
      std::swap(entries_[at], added);
      distance = other;
    }
  }
}

void connection_numbers::grow() {
  std::vector<entry> old(entries_.size() * 2);
  old.swap(entries_);
  ++bits_;
  for (const entry& each : old) {
    if (each.began != 0)
      place(each);
  }
}

}  // namespace khelp::app
