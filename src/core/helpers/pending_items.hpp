// Data that is made for an object, until the object has it.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "core/helpers/attachment_parts.hpp"

namespace khelp {

// What a call is about to give an object: a reference that is counted, data that is being made.
struct pending_item {
  helper* from = nullptr;  // nullptr: the object has it, or nobody
  void* item = nullptr;
  bool is_made = false;
};

enum class making { done, no_memory, refused };

// Allocate and construct it. Only a cancellation leaves it early: in a hook's run, or below a function of
// C, there is nobody to catch what a constructor throws.
making make_item(pending_item& g);

inline constexpr std::size_t at_once = 8;

// The pending items of a call. Those that the object did not get end with it, also when a constructor is
// cancelled.
class pending_items {
 public:
  pending_items() {
  }  // NOLINT(modernize-use-equals-default): items_ is written as far as it is used
  pending_items(const pending_items&) = delete;
  pending_items& operator=(const pending_items&) = delete;
  ~pending_items() { clear(); }

  void clear() noexcept {
    while (count_ != 0)
      drop(items_[--count_]);
  }

  void add(helper& h) {
    reference::begin(h);
    ::new (&items_[count_++]) pending_item{&h};
  }
  static void drop(pending_item& g) noexcept {
    if (g.from == nullptr)
      return;
    helper& h = *std::exchange(g.from, nullptr);
    if (g.is_made)
      end_item(h, g.item);
    else if (g.item != nullptr)
      khelp_uma_zfree_arg(h.zone, g.item, nullptr);
    reference::release(h);
  }
  bool empty() const { return count_ == 0; }
  pending_item* begin() { return items_; }
  pending_item* end() { return items_ + count_; }

 private:
  std::size_t count_ = 0;
  union {
    pending_item items_[at_once];
  };
};

}  // namespace khelp
