// A thousand instances come and go (at least) while helpers do and hooks run: no hook is missed, no
// constructor, nothing is left, and what is counted per instance adds up to the totals.
#include <thread>

#include <khelp/log.h>
#include <khelp/vnet.h>

#include "rig.hpp"

using namespace stress;

namespace {

constexpr int creator_count = 3;
constexpr int wanted_instances = 1000;
constexpr int runs_in_each = 5;

std::atomic<std::int64_t> constructed{0};
std::atomic<std::int64_t> destroyed{0};
std::atomic<int> wrongs{0};

void wrong_unless(bool condition, const char* words) {
  if (!condition && wrongs.fetch_add(1) < 10)
    ADD_FAILURE() << words << ": " << khelp_failure_text();
}

// Per instance: how often it was constructed.
struct world {
  int constructed = 0;
  std::uint64_t serial = 0;
};
world first_world;
khelp_vnet_variable world_place{&first_world, 0, 0};

world& world_of(const khelp_vnet* v) {
  return *static_cast<world*>(khelp_vnet_value(v, &world_place));
}

void construct(const void*) {
  world& w = world_of(khelp_vnet_current());
  ++w.constructed;
  w.serial = khelp_vnet_current()->vnet_serial;
  ++constructed;
}
void destroy(const void*) {
  wrong_unless(world_of(khelp_vnet_current()).constructed == 1,
               "destroyed as often as constructed");
  ++destroyed;
}
const khelp_sysinit constructor{KHELP_SI_SUB_HHOOK, 1,      KHELP_SYSINIT_INSTANCE_START, 0,
                                construct,          nullptr};
const khelp_sysinit destructor{
    KHELP_SI_SUB_HHOOK, 1, KHELP_SYSINIT_INSTANCE_END, 0, destroy, nullptr};

// The hooks: each run hands over the counters of the instance that it is in.
struct tally {
  int steady = 0;
  int passing = 0;
};
int count_steady(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  ++static_cast<tally*>(ctx)->steady;
  return 0;
}
int count_passing(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  ++static_cast<tally*>(ctx)->passing;
  return 0;
}

struct scene {
  std::int32_t type = fresh_type();
  std::atomic<int> made{0};
  std::atomic<std::uint64_t> steady_calls{0};
};

struct count_in_instance {
  std::int32_t type;
  std::uint64_t serial;
  const char* helper;
  std::uint64_t calls = 0;
  int rows = 0;
};
void find_count(void* arg, const khelp_hook_stat* stat) {
  auto& wanted = *static_cast<count_in_instance*>(arg);
  if (stat->type != wanted.type || stat->instance != wanted.serial ||
      std::string(stat->helper) != wanted.helper)
    return;
  wanted.calls += stat->calls;
  ++wanted.rows;
}

// One instance: a point in it, run; now and then asked what was counted; and its end, with the point
// still in it every other time.
void live_once(scene& s, int number) {
  khelp_vnet* v = khelp_vnet_alloc(nullptr);
  wrong_unless(v != nullptr, "an instance");
  if (v == nullptr)
    return;
  wrong_unless(world_of(v).constructed == 1 && world_of(v).serial == v->vnet_serial,
               "constructed once");
  khelp_vnet_set_current(v);
  khelp_hhook_head* head = nullptr;
  wrong_unless(khelp_hhook_head_register(s.type, 0, &head, KHELP_HHOOK_HEADISINVNET) == 0,
               "a point");
  tally here;
  for (int i = 0; i < runs_in_each; ++i)
    khelp_hhooks_run_if(head, &here, nullptr);
  wrong_unless(here.steady == runs_in_each, "a helper that is there hooks every instance");
  s.steady_calls += static_cast<std::uint64_t>(here.steady);
  wrong_unless(here.passing <= runs_in_each, "one that comes and goes runs once in a run");
  if (number % 16 == 0) {
    count_in_instance wanted{s.type, v->vnet_serial, "steady"};
    khelp_stats_hooks(find_count, &wanted);
    wrong_unless(wanted.rows == 1 && wanted.calls == static_cast<std::uint64_t>(here.steady),
                 "it has counts of its own");
  }
  if (number % 2 == 0)
    wrong_unless(khelp_hhook_head_deregister(head) == 0, "the point's end");
  khelp_vnet_set_current(nullptr);
  wrong_unless(khelp_vnet_destroy(v) == 0, "the instance's end");
}

void create(scene& s) {
  for (int number = s.made++; number < wanted_instances; number = s.made++)
    live_once(s, number);
}

// A helper's one hook, at the point of this type in all instances: none is there yet.
void hook_all_instances(declared& helper, std::int32_t type, khelp_hhook_func_t fn) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_func = fn;
  hook.hook.hook_type = type;
  helper.hooks = {hook};
  helper.x.hooks = helper.hooks.data();
  helper.x.nhooks = 1;
}

void ignore(void*, int, const char*) {}

}  // namespace

TEST(instances, a_thousand_come_and_go_while_helpers_do_and_hooks_run) {
  khelp_log_set_sink(ignore, nullptr);  // half of the points are left, and said so
  ASSERT_EQ(khelp_vnet_variables_add(&first_world, sizeof first_world, &world_place, 1), 0);
  ASSERT_EQ(khelp_vnet_register_sysinit(&constructor), 0);
  ASSERT_EQ(khelp_vnet_register_sysuninit(&destructor), 0);
  scene s;
  declared steady("steady");
  hook_all_instances(steady, s.type, count_steady);
  ASSERT_EQ(steady.load(), 0) << khelp_failure_text();
  declared passing("passing");
  hook_all_instances(passing, s.type, count_passing);

  std::vector<std::thread> creators;
  for (int i = 0; i < creator_count; ++i)
    creators.emplace_back(create, std::ref(s));
  do {
    ASSERT_EQ(passing.load(), 0) << khelp_failure_text();
    ASSERT_EQ(passing.unload(), 0) << khelp_failure_text();
  } while (s.made < wanted_instances);
  for (std::thread& t : creators)
    t.join();
  EXPECT_EQ(wrongs, 0);
  EXPECT_EQ(stat_of_helper("steady").calls, s.steady_calls.load());
  EXPECT_EQ(s.steady_calls.load(), std::uint64_t{wanted_instances} * runs_in_each);

  EXPECT_EQ(khelp_vnet_next(khelp_vnet_default()), nullptr) << "none is left";
  count_in_instance left{s.type, 0, "steady"};
  khelp_stats_hooks(
      [](void* arg, const khelp_hook_stat* stat) {
        auto& rows = *static_cast<count_in_instance*>(arg);
        rows.rows += stat->type == rows.type && stat->state != KHELP_HOOK_PENDING;
      },
      &left);
  EXPECT_EQ(left.rows, 0) << "nor a hook";
  ASSERT_EQ(steady.unload(), 0);
  ASSERT_EQ(khelp_vnet_deregister_sysuninit(&destructor), 0);
  ASSERT_EQ(khelp_vnet_deregister_sysinit(&constructor), 0);
  EXPECT_EQ(constructed, wanted_instances + 1) << "the default one's too";
  EXPECT_EQ(destroyed, constructed);
  ASSERT_EQ(khelp_vnet_variables_remove(&world_place, 1), 0);
  khelp_log_set_sink(nullptr, nullptr);
}
