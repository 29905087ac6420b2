// Data that is made for an object, until the object has it.
#pragma once

#include <cstddef>
#include <new>
#include <utility>

#include "core/helpers/attachment_parts.hpp"

namespace khelp {

// What a call is about to give an object: a reference that is counted, data that is being made.
struct gift {
  helper* from = nullptr;  // nullptr: the object has it, or nobody
  void* item = nullptr;
  bool is_made = false;
};

enum class making { done, no_memory, refused };

// Allocate and construct it. Only a cancellation leaves it early: in a hook's run, or below a function of
// C, there is nobody to catch what a constructor throws.
making make_item(gift& g);

inline constexpr std::size_t at_once = 8;

// The gifts of a call; those that the object has not got end with it, also when a constructor is
// cancelled.
class gift_list {
 public:
  gift_list() {}  // NOLINT(modernize-use-equals-default): gifts_ is written as far as it is used
  gift_list(const gift_list&) = delete;
  gift_list& operator=(const gift_list&) = delete;
  ~gift_list() { clear(); }

  void clear() noexcept {
    while (count_ != 0)
      drop(gifts_[--count_]);
  }

  void add(helper& h) {
    reference::begin(h);
    ::new (&gifts_[count_++]) gift{&h};
  }
  static void drop(gift& g) noexcept {
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
  gift* begin() { return gifts_; }
  gift* end() { return gifts_ + count_; }

 private:
  std::size_t count_ = 0;
  union {
    gift gifts_[at_once];
  };
};

}  // namespace khelp
