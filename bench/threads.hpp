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

/// What is left of a runner's throughput with 100 removals a second beside it.
double undisturbed_part(const busy_place& place);
