/// Those who hand out memory: a Memory has static take() and give(item), for items of 64 bytes.
#pragma once

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "row.hpp"
#include "support.hpp"

inline constexpr std::size_t item_size = 64;

/// Items that stay: what is given back is never all that there is.
inline constexpr std::size_t many = 1000;

template <class Memory>
inline std::array<void*, many> live{};

/// A permutation of the places in `live`.
inline const std::vector<std::size_t>& shuffled_places() {
  static const std::vector<std::size_t> places = [] {
    std::vector<std::size_t> made(many);
    for (std::size_t i = 0; i < many; ++i)
      made[i] = i;
    std::shuffle(made.begin(), made.end(), std::mt19937(1));
    return made;
  }();
  return places;
}

template <class Memory>
void fill_live() {
  for (void*& item : live<Memory>) {
    if (item == nullptr)
      item = Memory::take();
  }
  shuffled_places();
}

template <class Memory>
void take_and_give(long n) {
  for (long i = 0; i < n; ++i) {
    void* item = Memory::take();
    keep(item);
    Memory::give(item);
  }
}

template <class Memory>
void take_100_and_give_back(long n) {
  void* items[100];
  for (; n > 0; n -= 100) {
    for (void*& item : items)
      item = Memory::take();
    keep(items);
    for (std::size_t i = std::size(items); i-- > 0;)
      Memory::give(items[i]);
  }
}

template <class Memory>
void give_the_oldest(long n) {
  auto place = live<Memory>.begin();
  for (long i = 0; i < n; ++i) {
    Memory::give(*place);
    *place = Memory::take();
    keep(place);
    if (++place == live<Memory>.end())
      place = live<Memory>.begin();
  }
}

template <class Memory>
void give_at_random(long n) {
  const std::vector<std::size_t>& places = shuffled_places();
  auto place = places.begin();
  for (long i = 0; i < n; ++i) {
    void*& item = live<Memory>[*place];
    Memory::give(item);
    item = Memory::take();
    keep(place);
    if (++place == places.end())
      place = places.begin();
  }
}

/// Nanoseconds for an item that one thread takes and another gives back: a ring between them,
/// published in batches. The median of some blocks, so that short disturbances do not count.
template <class Memory>
double hand_over() {
  constexpr std::size_t blocks = 11, block = 320 * 64, batch = 64, room = 1024;
  static void* ring[room];
  alignas(64) static std::atomic<std::size_t> written;
  alignas(64) static std::atomic<std::size_t> read;
  written = read = 0;
  const std::jthread taker([] {
    pin(0);
    for (std::size_t at = 0; at < blocks * block;) {
      while (at - read.load(std::memory_order_acquire) == room)
        asm volatile("pause");
      for (const std::size_t end = at + batch; at < end; ++at)
        ring[at % room] = Memory::take();
      written.store(at, std::memory_order_release);
    }
  });
  std::vector<double> figures;
  std::jthread([&] {
    pin(1);
    auto began = steady::now();
    for (std::size_t at = 0; at < blocks * block;) {
      while (written.load(std::memory_order_acquire) == at)
        asm volatile("pause");
      for (const std::size_t end = at + batch; at < end; ++at)
        Memory::give(ring[at % room]);
      read.store(at, std::memory_order_release);
      if (at % block == 0) {
        figures.push_back(microseconds_since(began) * 1000 / block);
        began = steady::now();
      }
    }
  }).join();
  return median(std::move(figures));
}

template <class Memory>
std::vector<row> handed_over(const char* name, role is = role::peer) {
  return {{"64 B taken here, given back there", name, is, "", nullptr, nullptr, hand_over<Memory>}};
}

template <class Memory>
std::vector<row> patterns(const char* name, role is = role::peer) {
  return {
      {"64 B, one by one", name, is, "", fill_live<Memory>, take_and_give<Memory>},
      {"64 B, 100 and back", name, is, "", fill_live<Memory>, take_100_and_give_back<Memory>},
      {"64 B, the oldest of 1000", name, is, "", fill_live<Memory>, give_the_oldest<Memory>},
      {"64 B, any of 1000", name, is, "", fill_live<Memory>, give_at_random<Memory>},
  };
}
