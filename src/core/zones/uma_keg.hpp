// A keg: the slabs of one zone and which of their items are free. It takes no lock; its owner's
// mutex guards all of it.
#pragma once

#include <cstddef>

#include "core/zones/uma_slab.hpp"

namespace khelp::uma {

// A list of slabs through one of their links.
template <slab_links slab::*Links>
class slab_list {
 public:
  slab* first() const noexcept { return first_; }
  bool empty() const noexcept { return first_ == nullptr; }
  static slab* next(const slab& s) noexcept { return (s.*Links).next; }

  void push(slab& s) noexcept {
    (s.*Links) = {first_, nullptr};
    if (first_ != nullptr)
      (first_->*Links).before = &s;
    first_ = &s;
  }
  void remove(slab& s) noexcept {
    slab_links& links = s.*Links;
    if (links.before != nullptr)
      (links.before->*Links).next = links.next;
    else
      first_ = links.next;
    if (links.next != nullptr)
      (links.next->*Links).before = links.before;
    links = {};
  }

 private:
  slab* first_ = nullptr;
};

class keg {
 public:
  // free_items() == the sum of free_items over all slabs; slabs() counts them.
  std::size_t free_items() const noexcept { return free_items_; }
  std::size_t slabs() const noexcept { return slabs_; }

  // Add a slab whose items are all free.
  void add(slab& s) noexcept;
  // Take an entirely free slab out; nullptr: there is none.
  slab* detach_free_slab() noexcept;

  // Take up to `wanted` items, from slabs in use first. items[0 .. result) are filled so that the
  // last is the lowest in its slab.
  unsigned take(const slab_layout& layout, void** items, unsigned wanted) noexcept;
  void put(const slab_layout& layout, void* item) noexcept;

  const slab_list<&slab::among_all>& all() const noexcept { return all_; }

  // Each slab is in the list of its state, and the sums are right. Walks all slabs.
  void check_invariants(const slab_layout& layout) const noexcept;

 private:
  using state_list = slab_list<&slab::among_state>;
  state_list& list_of(const slab_layout& layout, const slab& s) noexcept;

  slab_list<&slab::among_all> all_;
  state_list full_;  // no item free
  state_list used_;  // some free
  state_list free_;  // all free
  std::size_t free_items_ = 0;
  std::size_t slabs_ = 0;
};

}  // namespace khelp::uma
