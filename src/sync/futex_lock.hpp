// A lock of four bytes, for what is held briefly and for words of C structs.
//
// The word: 0 free, 1 held, 2 held and somebody may sleep on it. All zero is unlocked, so that
// structs which start zeroed need no constructor.
#pragma once

#include <atomic>
#include <cstdint>

#include "sync/annotations.hpp"
#include "sync/futex.hpp"

namespace khelp {

inline bool try_lock_word(std::uint32_t& word) noexcept {
  std::uint32_t free = 0;
  return std::atomic_ref<std::uint32_t>(word).compare_exchange_strong(
      free, 1, std::memory_order_acquire, std::memory_order_relaxed);
}

// Not a cancellation point.
void lock_contended_word(std::uint32_t& word) noexcept;

inline void lock_word(std::uint32_t& word) noexcept {
  if (!try_lock_word(word))
    lock_contended_word(word);
}

inline void unlock_word(std::uint32_t& word) noexcept {
  if (std::atomic_ref<std::uint32_t>(word).exchange(0, std::memory_order_release) == 2)
    futex_wake(reinterpret_cast<std::atomic<std::uint32_t>&>(word), 1);
}

class KHELP_CAPABILITY("lock") futex_lock {
 public:
  constexpr futex_lock() = default;
  futex_lock(const futex_lock&) = delete;
  futex_lock& operator=(const futex_lock&) = delete;

  void lock() noexcept KHELP_ACQUIRE() { lock_word(word_); }
  void unlock() noexcept KHELP_RELEASE() { unlock_word(word_); }
  bool try_lock() noexcept KHELP_TRY_ACQUIRE(true) { return try_lock_word(word_); }

 private:
  std::uint32_t word_ = 0;
};

class KHELP_SCOPED_CAPABILITY futex_guard {
 public:
  explicit futex_guard(futex_lock& lock) noexcept KHELP_ACQUIRE(lock) : lock_(lock) {
    lock_.lock();
  }
  futex_guard(const futex_guard&) = delete;
  futex_guard& operator=(const futex_guard&) = delete;
  ~futex_guard() KHELP_RELEASE() { lock_.unlock(); }

 private:
  futex_lock& lock_;
};

}  // namespace khelp
