// A slab: mapped memory cut into items of one size, its book-keeping in front of them.
//
//   | slab | free bits | debug bits | owners | sites | … | item 0 | item 1 | …
//
// Slabs start at multiples of slab_alignment and every item starts within the first slab_alignment
// bytes of its slab, so that an item's address gives its slab.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/zones/uma.hpp"
#include "core/zones/uma_owner.hpp"

namespace khelp::uma {

inline constexpr std::size_t slab_alignment = 65536;

struct slab;

struct slab_links {
  slab* next = nullptr;
  slab* before = nullptr;
};

// Facts and offsets are constant; the rest belongs to the keg's lock, except where it says atomic.
struct slab {
  khelp_uma_zone* zone = nullptr;
  slab_links among_all;    // all slabs of the keg
  slab_links among_state;  // slabs in the same state: full, some free, all free
  std::uint32_t free_items = 0;
};

// How a zone's slabs are cut. Computed once, before the first slab.
struct slab_layout {
  // What a zone wants beside its items.
  struct wants {
    bool owners = false;
    bool debug_bits = false;
    bool sites = false;
  };

  slab_layout(std::size_t item_size, std::size_t item_alignment, wants beside) noexcept;

  void* item(slab& s, unsigned index) const noexcept {
    return reinterpret_cast<char*>(&s) + first + index * stride;
  }
  unsigned index(const slab& s, const void* item) const noexcept {
    return static_cast<unsigned>((offset(s, item) * reciprocal) >> 32);
  }
  // Whether an address in the slab is where an item starts.
  bool is_item(const slab& s, const void* address) const noexcept;

  std::uint64_t* free_bits(slab& s) const noexcept {
    return reinterpret_cast<std::uint64_t*>(&s + 1);
  }
  // Bit set: the item is with a user. Atomic.
  std::uint64_t* debug_bits(slab& s) const noexcept {
    return reinterpret_cast<std::uint64_t*>(reinterpret_cast<char*>(&s) + debug_bits_at);
  }
  owner_place owner_of(slab& s, unsigned index) const noexcept {
    char* places = reinterpret_cast<char*>(&s) + owners_at;
    auto* low = reinterpret_cast<std::uint32_t*>(places);
    return {low[index], reinterpret_cast<std::uint16_t*>(low + items)[index]};
  }
  // Where each item was allocated: a return address. Atomic.
  const void** sites(slab& s) const noexcept {
    return reinterpret_cast<const void**>(reinterpret_cast<char*>(&s) + sites_at);
  }
  unsigned bit_words() const noexcept { return (items + 63) / 64; }

  std::size_t alignment;
  std::size_t stride;   // from item to item
  std::uint32_t items;  // per slab
  std::size_t first;    // offset of item 0
  std::size_t length;   // mapped bytes
  std::size_t debug_bits_at = 0;
  std::size_t owners_at = 0;
  std::size_t sites_at = 0;

 private:
  std::size_t offset(const slab& s, const void* item) const noexcept {
    return static_cast<std::size_t>(static_cast<const char*>(item) -
                                    reinterpret_cast<const char*>(&s)) -
           first;
  }
  // Sets the offsets for so many items and returns where the first could start.
  std::size_t place(std::uint32_t items, wants beside) noexcept;
  // An item that has an owner may itself be the address in another one's place (owner_place).
  static constexpr std::size_t least_owned = 8;

  std::uint64_t reciprocal;  // 2^32 / stride, rounded up: exact for offsets below slab_alignment
};

inline slab& slab_of(const void* item) noexcept {
  return *reinterpret_cast<slab*>(reinterpret_cast<std::uintptr_t>(item) & ~(slab_alignment - 1));
}

// Map slabs with all items free, one behind the other (more than one only where a slab's length is
// slab_alignment). nullptr: no memory.
slab* map_slabs(khelp_uma_zone* zone, const slab_layout& layout, bool in_core_dumps,
                unsigned count) noexcept;
inline slab& neighbour(slab& first, unsigned distance) noexcept {
  return *reinterpret_cast<slab*>(reinterpret_cast<char*>(&first) + distance * slab_alignment);
}

// Slabs of one layout that go back to the system: together where they are neighbours, since each
// unmapping interrupts the threads of the process that run.
class slab_unmapping {
 public:
  explicit slab_unmapping(const slab_layout& layout) noexcept : length_(layout.length) {}
  slab_unmapping(const slab_unmapping&) = delete;
  slab_unmapping& operator=(const slab_unmapping&) = delete;
  ~slab_unmapping() { unmap(); }

  void add(slab& s) noexcept;

 private:
  static constexpr unsigned most = 256;
  void unmap() noexcept;

  const std::size_t length_;
  unsigned count_ = 0;
  std::uintptr_t addresses_[most];  // NOLINT: as far as count_ says
};

// Whether an address lies in the first slab_alignment bytes of a mapped slab. Any address may be
// asked about.
bool is_in_slab(const void* address) noexcept;

}  // namespace khelp::uma
