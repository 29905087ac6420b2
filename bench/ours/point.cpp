/// libkhelp's points.
#include <khelp/khelp.hpp>

#include "callbacks.hpp"

extern "C" {
extern khelp_hhook_head* bench_freebsd_point;
void bench_freebsd_idle(long n);
}

KHELP_EVENT(tick, number);

namespace {

struct khelp_point {
  khelp::hook_point<tick> point;

  constexpr explicit khelp_point(int callbacks) : point("bench", KHELP_HHOOK_TYPE_APP, callbacks) {}

  void open() { must(khelp::to_errno(point.open()), "open"); }
  static khelp_hookinfo hook(std::intptr_t number) {
    khelp_hookinfo made{};
    made.hook_func = count_tick;
    made.hook_udata = reinterpret_cast<void*>(number);
    return made;
  }
  void add(std::intptr_t number) {
    khelp_hookinfo made = hook(number);
    must(khelp_hhook_add_hook(&point.head(), &made, KHELP_HHOOK_WAITOK), "add");
  }
  void remove(std::intptr_t number) {
    khelp_hookinfo made = hook(number);
    must(khelp_hhook_remove_hook(&point.head(), &made), "remove");
  }
  void run(tick& event, khelp_osd* object) { point(event, object); }
};

struct c_face_point {
  khelp_hhook_head head{};

  void run(tick& event, khelp_osd* object) { khelp_hhooks_run_if(&head, &event, object); }
};

// Once on, the counting of time leaves nothing behind.
void time_and_stop() {
  fill_point<khelp_point, 1>();
  must(khelp_stats_timing(1), "timing on");
  run_point<khelp_point, 1>(1);
  must(khelp_stats_timing(0), "timing off");
}

khelp::hook_point<tick> freebsd_point("bench.freebsd");

void open_freebsd_point() {
  static const bool opened = (must(khelp::to_errno(freebsd_point.open()), "open"), true);
  keep(opened);
  bench_freebsd_point = &freebsd_point.head();
}

constexpr busy_place quiet = {run_point<khelp_point, 1>, [] {}, [] {}};
constexpr const char* disturbed = "a runner's throughput beside 100 removals a second";

const adds_rows ours{
    idle<khelp_point>("libkhelp, C++", role::ours),
    idle<c_face_point>("libkhelp, C, fixed address", role::ours),
    {{"idle point, pointer", "libkhelp, FreeBSD's macro", role::ours, "", open_freebsd_point,
      bench_freebsd_idle}},
    callbacks<khelp_point>("libkhelp", role::ours),
    {{"1 hook", "libkhelp, after timing was on and off", role::ours, "", time_and_stop,
      run_point<khelp_point, 1>}},
    two_threads<khelp_point>("libkhelp", role::ours),
    {{disturbed, "no removals", role::limit, "", fill_point<khelp_point, 1>, nullptr,
      [] { return undisturbed_part(quiet); }, "x"},
     {disturbed, "libkhelp", role::ours, "", fill_point<khelp_point, 1>, nullptr,
      [] { return undisturbed_part(busy_point<khelp_point>); }, "x"}},
    removal<khelp_point>("libkhelp", role::ours),
};

}  // namespace
