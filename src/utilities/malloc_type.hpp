// What is known of a type of memory: who it is and what it has out.
//
// The type's own struct may be a module's and go with it; the record stays while blocks are out.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include <khelp/malloc.h>

#include "sync/counters.hpp"
#include "sync/level.hpp"
#include "sync/mutex.hpp"

namespace khelp {

inline const char* name_of(const khelp_malloc_type& type) noexcept {
  return type.khm_name != nullptr ? type.khm_name : "unnamed";
}

struct malloc_record {
  malloc_record(const khelp_malloc_type& type, counter_block counters)
      : name(name_of(type)),
        words(type.khm_words != nullptr ? type.khm_words : ""),
        block(counters) {}
  ~malloc_record() { give_counter_block(block); }

  // Constant.
  const std::string name;
  const std::string words;
  const counter_block block;

  shared_level bytes{block, cell_bytes};
  std::atomic<std::uint64_t> sizes{0};  // seldom written: a bit at its first block
  malloc_record* next = nullptr;        // types_mutex
  bool ended = false;                   // types_mutex

  static constexpr unsigned cell_allocations = 0;
  static constexpr unsigned cell_frees = 1;
  static constexpr unsigned cell_failures = 2;
  static constexpr unsigned cell_mismatches = 3;
  static constexpr unsigned cell_bytes = 4;  // and the two after it: shared_level's

  std::uint64_t in_use() const noexcept {
    // Frees first: a block that is allocated and freed in between must not be counted as freed only.
    const std::uint64_t frees = counter_sum(block, cell_frees);
    const std::uint64_t allocations = counter_sum(block, cell_allocations);
    return allocations > frees ? allocations - frees : 0;
  }
};

extern mutex types_mutex;  // a leaf

// The record of a type, made if need be. nullptr: no memory.
malloc_record* record_of(khelp_malloc_type& type) noexcept KHELP_EXCLUDES(types_mutex);
// All, oldest first.
malloc_record* first_record_of_types() noexcept KHELP_REQUIRES(types_mutex);

// Around a fork.
inline void types_fork_prepare() KHELP_ACQUIRE(types_mutex) {
  types_mutex.lock();
}
inline void types_fork_done() KHELP_RELEASE(types_mutex) {
  types_mutex.unlock();
}

}  // namespace khelp
