/// Those who run callbacks: a Point has run(event, object), add(number) if it is to have callbacks,
/// remove(number) if that is measured, open() if it must be opened first, and a constructor from the
/// number of callbacks it will have if it needs to know.
#pragma once

#include <cstdint>
#include <type_traits>
#include <vector>

#include <khelp/osd.h>

#include "row.hpp"
#include "shared_lines.hpp"
#include "support.hpp"
#include "threads.hpp"

struct tick {
  long number;
};
inline tick event{};
inline khelp_osd object = KHELP_OSD_INITIALIZER;

/// What every callback does, whatever its shape.
inline constinit thread_local long sum = 0;
inline int count_tick(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++sum;
  return 0;
}

/// A point in static storage, as a program has it.
template <class Point, int Callbacks>
inline Point point = [] {
  if constexpr (std::is_constructible_v<Point, int>)
    return Point(Callbacks);
  else
    return Point();
}();

template <class Point, int Callbacks>
void fill_point() {
  static const bool filled = [] {
    if constexpr (requires { point<Point, Callbacks>.open(); })
      point<Point, Callbacks>.open();
    if constexpr (Callbacks > 0) {
      for (std::intptr_t number = 1; number <= Callbacks; ++number)
        point<Point, Callbacks>.add(number);
    }
    return true;
  }();
  keep(filled);
}

template <class Point, int Callbacks>
__attribute__((noinline)) void run_point(long n) {
  BENCH_LOOP(n, point<Point, Callbacks>.run(event, &object))
}

template <class Point, int Callbacks>
row callback_row(const char* section, const char* name, role is, const char* remark) {
  return {section, name, is, remark, fill_point<Point, Callbacks>, run_point<Point, Callbacks>};
}

template <class Point>
std::vector<row> idle(const char* name, role is = role::peer, const char* remark = "") {
  return {callback_row<Point, 0>("idle point", name, is, remark)};
}

template <class Point>
std::vector<row> callbacks(const char* name, role is = role::peer, const char* remark = "") {
  return {callback_row<Point, 1>("1 hook", name, is, remark),
          callback_row<Point, 4>("4 hooks", name, is, remark),
          callback_row<Point, 16>("16 hooks", name, is, remark)};
}

template <class Point>
std::vector<row> two_threads(const char* name, role is = role::peer, const char* remark = "") {
  return {{"1 hook, two threads of one", name, is, remark, fill_point<Point, 1>, nullptr,
           [] { return scaling(run_point<Point, 1>); }, "x"},
          {"cache lines that two threads both write", name, is, remark, fill_point<Point, 1>,
           nullptr, [] { return lines_both_write(run_point<Point, 1>); }, ""}};
}

template <class Point>
inline constexpr busy_place busy_point = {run_point<Point, 1>, [] { point<Point, 1>.add(2); },
                                          [] { point<Point, 1>.remove(2); }};

/// Removing a second callback while another thread runs the point without pause.
template <class Point>
std::vector<row> removal(const char* name, role is = role::peer, const char* remark = "") {
  return {{"remove, runner running", name, is, remark, fill_point<Point, 1>, nullptr,
           [] { return median(removal_times(busy_point<Point>)); }, "us"},
          {"remove, runner running, worst", name, is, remark, fill_point<Point, 1>, nullptr,
           [] { return percentile(removal_times(busy_point<Point>), 1); }, "us", true}};
}
