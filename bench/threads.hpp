/// What several threads do to each other.
#pragma once

#include <vector>

/// How many times as much two threads do as one.
double scaling(void (*loop)(long));

/// A place where something runs, and what is added to it and removed while it does.
struct busy_place {
  void (*loop)(long);
  void (*add)();
  void (*remove)();
};

/// Microseconds of each of many removals, while another thread runs without pause.
std::vector<double> removal_times(const busy_place& place);

/// What is left of a runner's throughput when others add and remove 100 times a second. Of runners
/// that take no lock: its CPU time is what counts.
double undisturbed_part(const busy_place& place);
