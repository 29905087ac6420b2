// Magazines: arrays of free items, the unit in which items move between threads.
#pragma once

#include <cstdint>

namespace khelp::uma {

struct zone_cache;

inline constexpr unsigned magazine_capacity = 253;

struct magazine {
  magazine* next = nullptr;
  const zone_cache* filled_by = nullptr;  // in a depot: whose thread freed the items
  std::uint64_t count = 0;  // kept while it is not a cache's loaded one (there `top` says it)
  void* items[magazine_capacity];
};
static_assert(sizeof(magazine) == 2048);

// An empty magazine; nullptr: no memory.
magazine* make_magazine() noexcept;
void free_magazine(magazine* m) noexcept;
// Give unused memory back.
void trim_magazines() noexcept;

// Around a fork.
void lock_magazines() noexcept;
void unlock_magazines() noexcept;

// A pile of magazines.
class magazine_list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  unsigned length() const noexcept { return length_; }
  void push(magazine& m) noexcept {
    m.next = first_;
    first_ = &m;
    ++length_;
  }
  magazine* pop() noexcept {
    magazine* m = first_;
    if (m != nullptr) {
      first_ = m->next;
      --length_;
    }
    return m;
  }
  const magazine* first() const noexcept { return first_; }

 private:
  magazine* first_ = nullptr;
  unsigned length_ = 0;
};

}  // namespace khelp::uma
