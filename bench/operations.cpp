#include "operations.hpp"

#include <cstdio>
#include <cstdlib>

#include <khelp/khelp.hpp>
#include <khelp/malloc.h>
#include <khelp/sleep.h>
#include <khelp/uma.h>

#include "bare.hpp"

#define BENCH extern "C" __attribute__((noinline))

extern "C" {
extern khelp_hhook_head* bench_freebsd_point;
void bench_freebsd_idle(long n);
}

namespace {

struct tick {
  long number;
};

}  // namespace

KHELP_EVENT(tick, number);

namespace {

struct state {
  long seen = 0;
};

khelp::hook_point<tick> idle_point("bench.idle");
khelp::hook_point<tick> freebsd_point("bench.freebsd");
khelp::hook_point<tick> point_1("bench.1");
khelp::hook_point<tick> point_4("bench.4");
khelp::hook_point<tick> point_16("bench.16");
khelp::hook_point<tick> data_point("bench.data");

tick event{};
khelp::object_slots object;
std::int32_t helper_id;
khelp_uma_zone_t zone;
khelp_malloc_type memory KHELP_MALLOC_TYPE_INITIALIZER("bench", "");
bare_point bare_1, bare_4, bare_16;
thread_local long sum;

// The same work for every contender.
int add(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  ++sum;
  return 0;
}

void see(tick&, state& mine) {
  ++mine.seen;
}
constexpr khelp::typed_hook<state> hooks[] = {khelp::hook<see>("bench.data")};
const khelp_helper_x helper = khelp::helper<state>("bench", 1, KHELP_HELPER_CLASS_APP, hooks);

template <class T>
void keep(T&& value) {
  asm volatile("" : : "r"(value) : "memory");
}

void must(int error, const char* what) {
  if (error == 0)
    return;
  std::fprintf(stderr, "bench: %s: %s\n", what, khelp_failure_text());
  std::exit(1);
}

void add_hooks(khelp::hook_point<tick>& point, bare_point& bare, long count) {
  must(khelp::to_errno(point.open()), "open");
  for (long i = 0; i < count; ++i) {
    khelp_hookinfo hook{};
    hook.hook_func = add;
    hook.hook_udata = reinterpret_cast<void*>(i + 1);
    must(khelp_hhook_add_hook(&point.head(), &hook, KHELP_HHOOK_WAITOK), "add");
    bare.hooks[i] = {add, hook.hook_udata};
  }
  bare.count = count;
}

void time_and_stop() {
  must(khelp_stats_timing(1), "timing on");
  point_1(event);
  must(khelp_stats_timing(0), "timing off");
}

}  // namespace

// A loop of 3 instructions around one operation.
#define LOOP(name, ...)              \
  BENCH void name(long n) {          \
    for (long i = 0; i < n; ++i) {   \
      asm volatile("" ::: "memory"); \
      __VA_ARGS__;                   \
    }                                \
  }

LOOP(bench_empty, (void)0)
LOOP(bench_idle_cxx, idle_point(event, object))
LOOP(bench_idle_fixed, khelp_hhooks_run_if(&idle_point.head(), &event, object))
LOOP(bench_bare_1, bare_run(&bare_1, &event, object))
LOOP(bench_bare_4, bare_run(&bare_4, &event, object))
LOOP(bench_bare_16, bare_run(&bare_16, &event, object))
LOOP(bench_hook_1, point_1(event, object))
LOOP(bench_hook_4, point_4(event, object))
LOOP(bench_hook_16, point_16(event, object))
LOOP(bench_hook_data, data_point(event, object))
LOOP(bench_malloc, void* item = std::malloc(64); keep(item); std::free(item))
LOOP(bench_typed, void* item = khelp_malloc(64, &memory, KHELP_M_NOWAIT); keep(item);
     khelp_free(item, &memory))
LOOP(bench_wakeup, keep(khelp_wakeup(&event)))
LOOP(bench_zone, void* item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT); keep(item);
     khelp_uma_zfree(zone, item))

BENCH void bench_get_osd(long n) {
  const khelp::object_section inside(object);
  for (long i = 0; i < n; ++i)
    keep(khelp_get_osd(object, helper_id));
}

void set_up() {
  must(khelp::to_errno(idle_point.open()), "open");
  must(khelp::to_errno(freebsd_point.open()), "open");
  bench_freebsd_point = &freebsd_point.head();
  add_hooks(point_1, bare_1, 1);
  add_hooks(point_4, bare_4, 4);
  add_hooks(point_16, bare_16, 16);
  must(khelp::to_errno(data_point.open()), "open");
  must(khelp_helper_register(&helper, &helper_id), "helper");
  must(khelp::to_errno(object.open(KHELP_HELPER_CLASS_APP)), "object");
  zone = khelp_uma_zcreate("bench", 64, nullptr, nullptr, nullptr, nullptr, KHELP_UMA_ALIGN_PTR, 0);
  must(zone == nullptr, "zone");
}

namespace {

khelp_hookinfo another() {
  khelp_hookinfo hook{};
  hook.hook_func = add;
  hook.hook_udata = &sum;
  return hook;
}

}  // namespace

void add_another() {
  khelp_hookinfo hook = another();
  must(khelp_hhook_add_hook(&point_1.head(), &hook, KHELP_HHOOK_WAITOK), "add");
}

void remove_another() {
  khelp_hookinfo hook = another();
  must(khelp_hhook_remove_hook(&point_1.head(), &hook), "remove");
}

std::span<const operation> operations() {
  static const operation all[] = {
      {"empty loop", bench_empty, 3, nullptr, 0},
      {"idle point, C++", bench_idle_cxx, 6, nullptr, 0},
      {"idle point, C, fixed address", bench_idle_fixed, 6, nullptr, 0},
      {"idle point, FreeBSD's macro, pointer", bench_freebsd_idle, 9, nullptr, 0},
      {"bare array, 1 callback", bench_bare_1, 0, nullptr, 0},
      {"1 hook", bench_hook_1, 52, "bare array, 1 callback", 1.3},
      {"1 hook, after timing was on and off", bench_hook_1, 52, "bare array, 1 callback", 1.3,
       time_and_stop},
      {"1 hook with its object data", bench_hook_data, 66, "bare array, 1 callback", 0},
      {"bare array, 4 callbacks", bench_bare_4, 0, nullptr, 0},
      {"4 hooks", bench_hook_4, 0, "bare array, 4 callbacks", 1.25},
      {"bare array, 16 callbacks", bench_bare_16, 0, nullptr, 0},
      {"16 hooks", bench_hook_16, 0, "bare array, 16 callbacks", 1.15},
      {"another helper's data by id", bench_get_osd, 28, nullptr, 0},
      {"malloc + free, 64 B", bench_malloc, 0, nullptr, 0},
      {"typed malloc + free, 64 B", bench_typed, 0, "malloc + free, 64 B", 0},
      {"wakeup, nobody asleep", bench_wakeup, 9, nullptr, 0},
      {"zone alloc + free, 64 B", bench_zone, 45, "malloc + free, 64 B", 0},
  };
  return all;
}
