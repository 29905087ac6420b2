#include "app/khelp/connection_numbers.hpp"

#include <bit>

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
  // Entries that were pushed past the hole move into it, so that no search stops early.
  for (std::size_t at = after(hole); entries_[at].began != 0; at = after(at)) {
    const std::size_t mask = entries_.size() - 1;
    const std::size_t distance_from_home = (at - home_of(entries_[at].began)) & mask;
    const std::size_t distance_from_hole = (at - hole) & mask;
    if (distance_from_home >= distance_from_hole) {
      entries_[hole] = entries_[at];
      hole = at;
    }
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

void connection_numbers::place(const entry& added) {
  std::size_t at = home_of(added.began);
  while (entries_[at].began != 0)
    at = after(at);
  entries_[at] = added;
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
