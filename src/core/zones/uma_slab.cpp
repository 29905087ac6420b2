#include "core/zones/uma_slab.hpp"

#include <algorithm>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

#include "sync/mutex.hpp"
#include "sync/word.hpp"

namespace khelp::uma {
namespace {

constexpr std::size_t page_bytes = 4096;

constexpr std::size_t round_up(std::size_t n, std::size_t to) {
  return (n + to - 1) / to * to;
}

// ---- which addresses are slabs: one bit for each slab_alignment of address space ----

constexpr unsigned address_bits = 47;  // of user space
constexpr unsigned region_bits = 16;   // log2(slab_alignment)
constexpr unsigned leaf_bits = 15;
constexpr std::size_t leaf_words = (std::size_t{1} << leaf_bits) / 64;
static_assert(std::size_t{1} << region_bits == slab_alignment);

// Leaves stay once made.
std::uint64_t* leaves[std::size_t{1} << (address_bits - region_bits - leaf_bits)];
mutex leaves_mutex;

std::uint64_t** leaf_of(std::uintptr_t address) noexcept {
  if (address >> address_bits != 0)
    return nullptr;
  return &leaves[address >> (region_bits + leaf_bits)];
}

std::uint64_t& word_in(std::uint64_t* leaf, std::uintptr_t address) noexcept {
  return leaf[(address >> (region_bits + 6)) % leaf_words];
}

std::uint64_t bit_in_word(std::uintptr_t address) noexcept {
  return std::uint64_t{1} << ((address >> region_bits) % 64);
}

bool mark_slab(std::uintptr_t address) noexcept {
  std::uint64_t** leaf = leaf_of(address);
  if (leaf == nullptr)
    return false;
  if (load_acquire(*leaf) == nullptr) {
    lock_guard held(leaves_mutex);
    if (load_relaxed(*leaf) == nullptr) {
      void* memory = mmap(nullptr, leaf_words * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (memory == MAP_FAILED)
        return false;
      store_release(*leaf, static_cast<std::uint64_t*>(memory));
    }
  }
  set_bits(word_in(load_acquire(*leaf), address), bit_in_word(address));
  return true;
}

void unmark_slab(std::uintptr_t address) noexcept {
  clear_bits(word_in(load_acquire(*leaf_of(address)), address), bit_in_word(address));
}

// ---- mapping ----

void* map_aligned(std::size_t length) noexcept {
  constexpr int prot = PROT_READ | PROT_WRITE;
  constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  // Neighbours of slabs are aligned already: often the first place does.
  void* memory = mmap(nullptr, length, prot, flags, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  if (reinterpret_cast<std::uintptr_t>(memory) % slab_alignment == 0)
    return memory;
  munmap(memory, length);

  const std::size_t wide = length + slab_alignment;
  memory = mmap(nullptr, wide, prot, flags, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  char* start = static_cast<char*>(memory);
  const std::size_t before = round_up(reinterpret_cast<std::uintptr_t>(start), slab_alignment) -
                             reinterpret_cast<std::uintptr_t>(start);
  if (before != 0)
    munmap(start, before);
  munmap(start + before + length, wide - before - length);
  return start + before;
}

}  // namespace

slab_layout::slab_layout(std::size_t item_size, std::size_t item_alignment, wants beside) noexcept
    : alignment(beside.owners ? std::max(item_alignment, least_owned) : item_alignment),
      stride(round_up(item_size, alignment)),
      items(static_cast<std::uint32_t>((slab_alignment - sizeof(slab)) / stride)),
      reciprocal(((std::uint64_t{1} << 32) + stride - 1) / stride) {
  if (items == 0)
    items = 1;
  first = place(items, beside);
  while (items > 1 && first + items * stride > slab_alignment) {
    --items;
    first = place(items, beside);
  }
  length = round_up(first + items * stride, page_bytes);
}

std::size_t slab_layout::place(std::uint32_t count, wants beside) noexcept {
  const std::size_t bits = (count + 63) / 64 * sizeof(std::uint64_t);
  std::size_t end = sizeof(slab) + bits;
  debug_bits_at = end;
  end += beside.debug_bits ? bits : 0;
  owners_at = end;
  end += beside.owners ? round_up(count * owner_place::bytes, sizeof(std::uint64_t)) : 0;
  sites_at = end;
  end += beside.sites ? count * sizeof(void*) : 0;
  return round_up(end, alignment);
}

bool slab_layout::is_item(const slab& s, const void* address) const noexcept {
  if (static_cast<const char*>(address) < reinterpret_cast<const char*>(&s) + first)
    return false;
  const unsigned i = index(s, address);
  return i < items && offset(s, address) == i * stride;
}

slab* map_slabs(khelp_uma_zone* zone, const slab_layout& layout, bool in_core_dumps,
                unsigned count) noexcept {
  const std::size_t length = (count - 1) * slab_alignment + layout.length;
  void* memory = map_aligned(length);
  if (memory == nullptr)
    return nullptr;
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  for (unsigned i = 0; i < count; ++i) {
    if (mark_slab(address + i * slab_alignment))
      continue;
    while (i-- > 0)
      unmark_slab(address + i * slab_alignment);
    munmap(memory, length);
    return nullptr;
  }
  if (!in_core_dumps)
    madvise(memory, length, MADV_DONTDUMP);
  for (unsigned i = 0; i < count; ++i) {
    auto* s = new (reinterpret_cast<void*>(address + i * slab_alignment)) slab;
    s->zone = zone;
    s->free_items = layout.items;
    std::uint64_t* bits = layout.free_bits(*s);
    std::fill_n(bits, layout.bit_words(), ~std::uint64_t{0});
    if (layout.items % 64 != 0)
      bits[layout.bit_words() - 1] = (std::uint64_t{1} << (layout.items % 64)) - 1;
  }
  return reinterpret_cast<slab*>(address);
}

void slab_unmapping::add(slab& s) noexcept {
  if (count_ == most)
    unmap();
  const auto address = reinterpret_cast<std::uintptr_t>(&s);
  unmark_slab(address);
  addresses_[count_++] = address;
}

void slab_unmapping::unmap() noexcept {
  std::sort(addresses_, addresses_ + count_);
  for (unsigned i = 0; i < count_;) {
    const std::uintptr_t begin = addresses_[i];
    std::uintptr_t end = begin + length_;
    while (++i < count_ && addresses_[i] == end)
      end += length_;
    munmap(reinterpret_cast<void*>(begin), end - begin);
  }
  count_ = 0;
}

bool is_in_slab(const void* address) noexcept {
  const auto number = reinterpret_cast<std::uintptr_t>(address);
  std::uint64_t** leaf = leaf_of(number);
  if (leaf == nullptr)
    return false;
  std::uint64_t* words = load_acquire(*leaf);
  return words != nullptr && (load_relaxed(word_in(words, number)) & bit_in_word(number)) != 0;
}

}  // namespace khelp::uma
