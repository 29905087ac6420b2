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

  constexpr explicit khelp_point(int callbacks, std::int32_t type = KHELP_HHOOK_TYPE_APP,
                                 khelp::combine rule = khelp::combine::ignore)
      : point("bench", type, callbacks, rule) {}

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

// A point whose hooks decide.
template <khelp::combine Rule>
struct verdict_point : khelp_point {
  constexpr explicit verdict_point(int callbacks)
      : khelp_point(callbacks, KHELP_HHOOK_TYPE_APP + 1 + static_cast<std::int32_t>(Rule), Rule) {}

  void run(tick& event, khelp_osd* object) { keep(point.decide(event, object)); }
};

template <int Callbacks>
std::vector<row> verdicts(const char* section) {
  return {callback_row<verdict_point<khelp::combine::ignore>, Callbacks>(
              section, "libkhelp, ignored", role::ours, ""),
          callback_row<verdict_point<khelp::combine::first>, Callbacks>(
              section, "libkhelp, the first", role::ours, ""),
          callback_row<verdict_point<khelp::combine::strictest>, Callbacks>(
              section, "libkhelp, the strictest", role::ours, "")};
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
    verdicts<1>("a verdict of 1 hook"),
    verdicts<4>("a verdict of 4 hooks"),
    two_threads<khelp_point>("libkhelp", role::ours),
    {{disturbed, "no removals", role::limit, "", fill_point<khelp_point, 1>, nullptr,
      [] { return undisturbed_part(quiet); }, "x"},
     {disturbed, "libkhelp", role::ours, "", fill_point<khelp_point, 1>, nullptr,
      [] { return undisturbed_part(busy_point<khelp_point>); }, "x"}},
    removal<khelp_point>("libkhelp", role::ours),
};

}  // namespace
