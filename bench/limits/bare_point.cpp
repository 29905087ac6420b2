/// The rows of the bare array, and of a nop where an idle point would be.
#include "callbacks.hpp"
#include "limits/bare_array.hpp"

namespace {

struct bare_point {
  bare_array array{};

  void add(std::intptr_t number) {
    array.hooks[array.count++] = {count_tick, reinterpret_cast<void*>(number)};
  }
  void run(tick& event, khelp_osd* object) { bare_run(&array, &event, object); }
};

struct nop_point {
  void run(tick&, khelp_osd*) { asm volatile("nop"); }
};

const adds_rows bare{
    idle<nop_point>("a nop", role::limit),
    callbacks<bare_point>("bare array", role::limit),
    two_threads<bare_point>("bare array", role::limit),
};

}  // namespace
