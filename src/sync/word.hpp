// Single words of C structs (struct khelp_osd and what hangs on it) that several threads read and
// write. The order is in the name; what pairs with what is said where the word is declared.
#pragma once

#include <atomic>
#include <type_traits>

#include "sync/under_tsan.hpp"

namespace khelp {

template <class T>
T load_relaxed(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_relaxed);
}

template <class T>
T load_acquire(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}

// After a section was opened, also one that found no room in its thread's record: pairs with a change
// of the word that is followed by heavy_barrier() and a look at the sections.
template <class T>
T load_in_section(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_seq_cst);
}

// A word that others exchange for one that serves as well, read without an instruction of its own: what
// the compiler must not do is believe that it knows it. Every machine reads an aligned word whole.
template <class T>
decltype(auto) reread(const T& word) noexcept {
#if KHELP_UNDER_TSAN
  return load_relaxed(word);
#else
  asm("" : "+m"(const_cast<T&>(word)));
  return (word);
#endif
}

template <class T>
void store_relaxed(T& word, std::type_identity_t<T> value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_relaxed);
}

template <class T>
void store_release(T& word, std::type_identity_t<T> value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}

// Both an acquire and a release: whoever takes a value out sees what it points to.
template <class T>
T exchange(T& word, std::type_identity_t<T> value) noexcept {
  return std::atomic_ref<T>(word).exchange(value, std::memory_order_acq_rel);
}

// True: the word was `expected` and is `value` now.
template <class T>
bool exchange_if(T& word, std::type_identity_t<T> expected,
                 std::type_identity_t<T> value) noexcept {
  return std::atomic_ref<T>(word).compare_exchange_strong(
      expected, value, std::memory_order_acq_rel, std::memory_order_acquire);
}

// Bits of a word that several threads change. Both return the word before.
template <class T>
T set_bits(T& word, std::type_identity_t<T> bits) noexcept {
  return std::atomic_ref<T>(word).fetch_or(bits, std::memory_order_acq_rel);
}

template <class T>
T clear_bits(T& word, std::type_identity_t<T> bits) noexcept {
  return std::atomic_ref<T>(word).fetch_and(static_cast<T>(~bits), std::memory_order_acq_rel);
}

}  // namespace khelp
