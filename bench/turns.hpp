/// Those who put a thread to sleep and wake it: a Table has await(mine) and pass(mine), and its turn
/// is 0's first.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include "row.hpp"
#include "support.hpp"

/// Microseconds for the turn to go away and come back: the median of some blocks, so that short
/// disturbances do not count.
template <class Table>
double round_trip(unsigned other_cpu) {
  constexpr int rounds = 400, block = 20;
  Table table;
  std::vector<double> figures;
  std::jthread([&] {  // its CPU is its own
    pin(0);
    std::jthread other([&] {
      pin(other_cpu);
      for (int i = 0; i < rounds; ++i) {
        table.await(1);
        table.pass(1);
      }
    });
    auto began = steady::now();
    for (int i = 1; i <= rounds; ++i) {
      table.pass(0);
      table.await(0);
      if (i % block == 0) {
        figures.push_back(microseconds_since(began) / block);
        began = steady::now();
      }
    }
  })
      .join();
  return median(std::move(figures));
}

template <class Table>
std::vector<row> round_trips(const char* name, role is = role::peer) {
  return {{"sleep and wakeup, one CPU", name, is, "", nullptr, nullptr,
           [] { return round_trip<Table>(0); }, "us"},
          {"sleep and wakeup, two CPUs", name, is, "", nullptr, nullptr,
           [] { return round_trip<Table>(1); }, "us"}};
}

/// A wakeup when nobody sleeps.
template <void (*wake)()>
void wake_nobody(long n) {
  BENCH_LOOP(n, wake())
}
template <void (*wake)()>
std::vector<row> idle_wakeup(const char* name, role is = role::peer, const char* remark = "") {
  return {{"wakeup, nobody asleep", name, is, remark, nullptr, wake_nobody<wake>}};
}
