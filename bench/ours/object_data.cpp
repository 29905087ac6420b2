/// libkhelp's data on objects: the helper's own in its hook, and another's by id.
#include <khelp/khelp.hpp>

#include "callbacks.hpp"

namespace {

struct state {
  long seen = 0;
};

// The points' events need no names here: a hook for a point (type, id) fits any event.
struct look {
  long times;
};

}  // namespace

KHELP_EVENT(look, times);

namespace {

khelp::hook_point<look> seen_point("bench.seen");
khelp::hook_point<look> looked_point("bench.looked");
khelp::hook_point<look> first_point("bench.first", khelp::combine::first);
khelp::hook_point<look> strictest_point("bench.strictest", khelp::combine::strictest);
khelp::object_slots slots;
std::int32_t id;
look one{1};

void see(look&, state& mine) {
  ++mine.seen;
}
// The loop of 3 is in the hook: its State is at hand.
void look_often(look& how, state& mine) {
  BENCH_LOOP(how.times, keep(mine.seen))
}
constexpr khelp::typed_hook<state> hooks[] = {
    khelp::hook<see>("bench.seen"), khelp::hook<look_often>("bench.looked"),
    khelp::hook<see>("bench.first"), khelp::hook<see>("bench.strictest")};
const khelp_helper_x helper = khelp::helper<state>("bench", 1, KHELP_HELPER_CLASS_APP, hooks);

void load() {
  static const bool loaded = [] {
    must(khelp::to_errno(seen_point.open()), "open");
    must(khelp::to_errno(looked_point.open()), "open");
    must(khelp::to_errno(first_point.open()), "open");
    must(khelp::to_errno(strictest_point.open()), "open");
    must(khelp_helper_register(&helper, &id), "helper");
    must(khelp::to_errno(slots.open(KHELP_HELPER_CLASS_APP)), "object");
    return true;
  }();
  keep(loaded);
}

void run_hook(long n) {
  BENCH_LOOP(n, seen_point(one, slots))
}
void run_first(long n) {
  BENCH_LOOP(n, first_point(one, slots))
}
void decide_ignored(long n) {
  BENCH_LOOP(n, keep(seen_point.decide(one, slots)))
}
void decide_first(long n) {
  BENCH_LOOP(n, keep(first_point.decide(one, slots)))
}
void decide_strictest(long n) {
  BENCH_LOOP(n, keep(strictest_point.decide(one, slots)))
}
void read_own(long n) {
  look many{n};
  looked_point(many, slots);
}
void read_anothers(long n) {
  const khelp::object_section inside(slots);
  for (long i = 0; i < n; ++i)
    keep(khelp_get_osd(slots, id));
}

const adds_rows ours{{
    {"1 hook with its object's data", "libkhelp", role::ours, "", load, run_hook},
    {"1 hook with its object's data", "libkhelp, a point of the first", role::ours, "", load,
     run_first},
    {"a verdict of 1 hook with its object's data", "libkhelp, ignored", role::ours, "", load,
     decide_ignored},
    {"a verdict of 1 hook with its object's data", "libkhelp, the first", role::ours, "", load,
     decide_first},
    {"a verdict of 1 hook with its object's data", "libkhelp, the strictest", role::ours, "", load,
     decide_strictest},
    {"own object data", "libkhelp, in the helper's hook", role::ours, "", load, read_own},
    {"another helper's data by id", "libkhelp", role::ours, "", load, read_anothers},
}};

}  // namespace
