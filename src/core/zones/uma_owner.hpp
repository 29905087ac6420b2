// Who holds an item: a mark and an address, in six bytes beside it.
//
//   high:  mark (2 bits) | address, bits 35 to 48         low:  address, bits 3 to 34
//
// Mark 0 is nobody. Changing the mark, clearing included, changes `high` alone; another address goes
// through nobody. So a reader whose two looks at `high` agree has read one owner whole, unless the
// item got an owner with the same high bits between them: who walks the owners while items are still
// being given some must not follow what it reads.
#pragma once

#include <cstdint>

#include "sync/word.hpp"

namespace khelp::uma {

struct owner {
  unsigned mark = 0;
  const void* address = nullptr;
  bool operator==(const owner&) const = default;
};

class owner_place {
 public:
  static constexpr std::size_t bytes = sizeof(std::uint32_t) + sizeof(std::uint16_t);

  owner_place(std::uint32_t& low, std::uint16_t& high) noexcept : low_(low), high_(high) {}

  static bool can_hold(const void* address) noexcept {
    const auto number = reinterpret_cast<std::uintptr_t>(address);
    return number % 8 == 0 && number >> address_bits == 0;
  }

  owner load() const noexcept {
    while (true) {
      const std::uint16_t high = load_acquire(high_);
      const std::uint32_t low = load_acquire(low_);
      if (load_acquire(high_) == high)
        return value(high, low);
    }
  }
  bool is_nobody() const noexcept { return load_acquire(high_) == 0; }

  // Of an item without owner: give it one.
  void store(owner next) noexcept {
    const auto number = reinterpret_cast<std::uintptr_t>(next.address);
    store_release(low_, static_cast<std::uint32_t>(number >> low_shift));
    store_release(high_, marked(next.mark, static_cast<std::uint16_t>(number >> high_shift)));
  }
  // Of one that has one; by those who share a lock.
  void change_mark(unsigned mark) noexcept {
    store_release(high_, marked(mark, load_relaxed(high_) & address_in_high));
  }
  void clear() noexcept { store_release(high_, std::uint16_t{0}); }

 private:
  static constexpr unsigned address_bits = 49;
  static constexpr unsigned low_shift = 3;
  static constexpr unsigned high_shift = 35;
  static constexpr unsigned mark_shift = 14;
  static constexpr unsigned address_in_high = (1u << mark_shift) - 1;

  static std::uint16_t marked(unsigned mark, unsigned bits) noexcept {
    return static_cast<std::uint16_t>(mark << mark_shift | bits);
  }
  static owner value(std::uint16_t high, std::uint32_t low) noexcept {
    if (high == 0)
      return {};
    const std::uintptr_t address =
        std::uintptr_t{high & address_in_high} << high_shift | std::uintptr_t{low} << low_shift;
    return {static_cast<unsigned>(high >> mark_shift), reinterpret_cast<const void*>(address)};
  }

  std::uint32_t& low_;
  std::uint16_t& high_;
};

}  // namespace khelp::uma
