// Helpers of every kind come and go ten thousand times while threads run hooks and make and end
// objects (at least). What stays is counted exactly.
#include <array>
#include <cstring>
#include <memory>
#include <mutex>
#include <sched.h>
#include <shared_mutex>
#include <stdexcept>
#include <thread>

#include <khelp/loader.h>

#include "rig.hpp"

using namespace stress;

namespace {

constexpr int runner_count = 4;
constexpr int churner_count = 2;
constexpr int objects_of_a_runner = 8;
constexpr int wanted_cycles = 10'000;
constexpr int module_cycles = 200;

struct data {
  std::uint64_t mark;  // alive_mark from init to fini
  std::atomic<std::uint64_t> calls;
};
constexpr std::uint64_t alive_mark = 0xa11ea11ea11ea11e;
std::atomic<std::int64_t> data_alive{0};
std::atomic<bool> found_dead_data{false};

int make_data(void* memory, void*, int) {
  static_cast<data*>(memory)->mark = alive_mark;
  ++data_alive;
  return 0;
}
void end_data(void* memory, void*) {
  auto* d = static_cast<data*>(memory);
  if (d->mark != alive_mark)
    found_dead_data = true;
  d->mark = 0xdeaddeaddeaddead;
  --data_alive;
}

// The scene: what hooks find through their udata.
struct scene {
  point a;
  point b;
  point slow;
  std::atomic<bool> stop{false};
  std::atomic<int> cycles{0};
  // Runs that this test started or knows of, point by point.
  std::atomic<std::uint64_t> runs_a{0};
  std::atomic<std::uint64_t> runs_b{0};
  std::atomic<std::uint64_t> runs_slow{0};
};

// ---- hooks ----

int count_data(std::int32_t, std::int32_t, void*, void*, void* hdata, khelp_osd*) {
  auto* d = static_cast<data*>(hdata);
  if (d->mark != alive_mark)
    found_dead_data = true;
  ++d->calls;
  return 0;
}

int count_plain(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<std::atomic<std::uint64_t>*>(udata);
  return 0;
}

// The nested run: A's staying hook runs B for the same object.
int run_b(std::int32_t, std::int32_t, void* udata, void* ctx, void*, khelp_osd* osd) {
  auto& s = *static_cast<scene*>(udata);
  ++s.runs_b;
  s.b.run(ctx, osd);
  return 0;
}

int throws(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  throw std::runtime_error("a hook that throws");
}

// A hook that acts on the registry, once for each load.
struct actor {
  khelp_hookinfo self{};
  khelp_hookinfo other{};
  std::atomic<std::int32_t> own_id{0};
  std::atomic<bool> acted{false};
  std::atomic<std::uint64_t> calls{0};

  bool first() { return !acted.exchange(true); }
};

int remove_myself(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& me = *static_cast<actor*>(udata);
  ++me.calls;
  if (me.first())
    khelp_hhook_remove_hook_lookup(&me.self);
  return 0;
}
int remove_another(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& me = *static_cast<actor*>(udata);
  if (me.first())
    khelp_hhook_remove_hook_lookup(&me.other);
  return 0;
}
int add_another(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& me = *static_cast<actor*>(udata);
  if (me.first())
    khelp_hhook_add_hook_lookup(&me.other, 0);
  return 0;
}
int unload_myself(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& me = *static_cast<actor*>(udata);
  if (me.own_id != 0 && me.first())
    khelp_helper_unregister(me.own_id, KHELP_UNLOAD_REVOKE, 0);
  return 0;
}
int sleep_a_little(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  for (int i = 0; i < 20; ++i)
    sched_yield();
  return 0;
}

// ---- threads ----

// Objects that one thread owns: it runs points for them, and ends and makes them. Others read their
// data by id; the owner's lock keeps those away from the end of an object only.
struct owned_object {
  std::shared_mutex ending;
  khelp_osd osd = KHELP_OSD_INITIALIZER;
};
using objects = std::array<owned_object, objects_of_a_runner>;

void run_points(scene& s, objects& mine) {
  for (owned_object& o : mine)
    ASSERT_EQ(khelp_init_osd(object_class, &o.osd), 0);
  for (unsigned turn = 0; !s.stop; ++turn) {
    owned_object& o = mine[turn % mine.size()];
    ++s.runs_a;
    s.a.run(nullptr, &o.osd);
    if (turn % 16 == 0) {
      ++s.runs_slow;
      s.slow.run(nullptr, &o.osd);
    }
    // With more threads than processors, mostly lose the processor outside hooks.
    if (turn % 4 == 3)
      sched_yield();
    if (turn % 64 == 63) {
      const std::unique_lock alone(o.ending);
      khelp_destroy_osd(&o.osd);
      const khelp_osd zero = KHELP_OSD_INITIALIZER;
      EXPECT_EQ(std::memcmp(&o.osd, &zero, sizeof zero), 0);
      ASSERT_EQ(khelp_init_osd(object_class, &o.osd), 0) << khelp_failure_text();
    }
  }
  for (owned_object& o : mine) {
    const std::unique_lock alone(o.ending);
    khelp_destroy_osd(&o.osd);
  }
}

void read_by_id(scene& s, std::array<objects, runner_count>& all,
                const std::vector<std::string>& names) {
  for (unsigned turn = 0; !s.stop; ++turn) {
    owned_object& o = all[turn % runner_count][turn / 7 % objects_of_a_runner];
    const std::shared_lock stays(o.ending);
    khelp_osd_enter(&o.osd);
    const std::int32_t id = khelp_get_id(names[turn % names.size()].c_str());
    if (const auto* d = static_cast<const data*>(khelp_get_osd(&o.osd, id))) {
      if (d->mark != alive_mark)
        found_dead_data = true;
    }
    khelp_osd_leave(&o.osd);
    if (turn % 8 == 7)
      sched_yield();
  }
}

void read_statistics(scene& s) {
  for (int turn = 0; !s.stop; ++turn) {
    khelp_stats_hooks([](void*, const khelp_hook_stat*) {}, nullptr);
    khelp_stats_helpers([](void*, const khelp_helper_stat*) {}, nullptr);
    khelp_stats_timing(turn % 2);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  khelp_stats_timing(0);
}

// A point that comes and goes in storage of its own, which is gone as soon as it is deregistered.
void register_and_deregister(scene& s, std::int32_t type) {
  while (!s.stop) {
    auto storage = std::make_unique<khelp_hhook_head>();
    khelp_hhook_head* head = nullptr;
    ASSERT_EQ(khelp_hhook_head_register_x(type, 1, storage.get(), &head, nullptr), 0);
    khelp_hhook_run_hooks(head, nullptr, nullptr);
    ASSERT_EQ(khelp_hhook_head_deregister(head), 0) << khelp_failure_text();
    sched_yield();
  }
}

void add_late_point_hook(declared& d, std::int32_t type, std::atomic<std::uint64_t>& calls) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_func = count_plain;
  hook.hook.hook_udata = &calls;
  hook.hook.hook_type = type;
  hook.hook.hook_id = 1;
  d.hooks.push_back(hook);
  d.x.hooks = d.hooks.data();
  d.x.nhooks = static_cast<std::uint32_t>(d.hooks.size());
}

// Unloaded for good, whoever began it and wherever.
void wait_until_gone(declared& d) {
  while (true) {
    const int answer = d.unload(KHELP_UNLOAD_REVOKE);
    if (answer == 0 || answer == ENOENT)
      break;
    ASSERT_EQ(answer, EALREADY) << khelp_failure_text();
    khelp_reap();
    sched_yield();
  }
}

// One thread's helpers, one of each kind, loaded and unloaded in turn.
void churn(scene& s, int number, std::int32_t late_type) {
  const std::string tag = std::to_string(number);
  const std::uint32_t keeps = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT;
  std::atomic<std::uint64_t> counted{0};
  actor me;
  actor victim;

  const auto with_data = [&](declared& d) {
    d.x.data_init = make_data;
    d.x.data_fini = end_data;
  };
  declared revoked("revoked" + tag, keeps, sizeof(data));
  with_data(revoked);
  revoked.add(s.a, count_data, &revoked);
  revoked.add(s.b, count_data, &revoked);
  declared waited("waited" + tag, KHELP_HELPER_NEEDS_OSD, sizeof(data));
  with_data(waited);
  waited.add(s.b, count_data, &waited);
  declared refusing("refusing" + tag, KHELP_HELPER_NEEDS_OSD, sizeof(data));
  with_data(refusing);
  refusing.add(s.a, count_data, &refusing);
  declared throwing("throwing" + tag);
  throwing.add(s.a, throws, &throwing);
  std::atomic<std::uint64_t> beside_throwing{0};
  throwing.add(s.b, count_plain, &beside_throwing);
  declared sleeping("sleeping" + tag);
  sleeping.add(s.slow, sleep_a_little, &sleeping);
  declared self_removing("selfrm" + tag);
  self_removing.add(s.a, remove_myself, &me);
  me.self = hook_at(s.a, remove_myself, &me);
  declared other_removing("otherrm" + tag);
  other_removing.add(s.a, remove_another, &me);
  declared adding("adding" + tag);
  adding.add(s.a, add_another, &me);
  declared leaving("leaving" + tag, keeps, sizeof(data));
  with_data(leaving);
  leaving.add(s.b, unload_myself, &me);
  declared late("late" + tag);
  add_late_point_hook(late, late_type, counted);

  for (int turn = 0; !s.stop; ++turn) {
    me.acted = false;
    me.own_id = 0;
    switch (turn % 9) {
      case 0:
        ASSERT_EQ(revoked.load(), 0) << khelp_failure_text();
        ASSERT_EQ(revoked.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
        break;
      case 1: {
        ASSERT_EQ(waited.load(), 0) << khelp_failure_text();
        const int answer = waited.unload(KHELP_UNLOAD_WAIT, 2'000'000);
        ASSERT_TRUE(answer == 0 || answer == ETIMEDOUT) << khelp_failure_text();
        wait_until_gone(waited);
        break;
      }
      case 2: {
        ASSERT_EQ(refusing.load(), 0) << khelp_failure_text();
        const int answer = refusing.unload(KHELP_UNLOAD_REFUSE);
        ASSERT_TRUE(answer == 0 || answer == EBUSY) << khelp_failure_text();
        wait_until_gone(refusing);
        break;
      }
      case 3:
        ASSERT_EQ(throwing.load(), 0) << khelp_failure_text();
        sched_yield();
        ASSERT_EQ(throwing.unload(), 0) << khelp_failure_text();
        break;
      case 4:
        ASSERT_EQ(sleeping.load(), 0) << khelp_failure_text();
        ASSERT_EQ(sleeping.unload(), 0) << khelp_failure_text();
        break;
      case 5:
        ASSERT_EQ(self_removing.load(), 0) << khelp_failure_text();
        sched_yield();
        ASSERT_EQ(self_removing.unload(), 0) << khelp_failure_text();
        break;
      case 6:
        victim.self = hook_at(s.b, count_plain, &victim.calls);
        me.other = victim.self;
        ASSERT_EQ(khelp_hhook_add_hook_lookup(&victim.self, 0), 0) << khelp_failure_text();
        ASSERT_EQ(other_removing.load(), 0) << khelp_failure_text();
        sched_yield();
        ASSERT_EQ(other_removing.unload(), 0) << khelp_failure_text();
        ASSERT_EQ(khelp_hhook_remove_hook_lookup(&victim.self), 0);
        break;
      case 7:
        me.other = hook_at(s.b, count_plain, &victim.calls);
        ASSERT_EQ(adding.load(), 0) << khelp_failure_text();
        sched_yield();
        ASSERT_EQ(adding.unload(), 0) << khelp_failure_text();
        ASSERT_EQ(khelp_hhook_remove_hook_lookup(&me.other), 0);
        break;
      case 8:
        ASSERT_EQ(late.load(), 0) << khelp_failure_text();
        ASSERT_EQ(leaving.load(), 0) << khelp_failure_text();
        me.own_id = leaving.id;
        sched_yield();
        ASSERT_EQ(late.unload(), 0) << khelp_failure_text();
        wait_until_gone(leaving);
        ++s.cycles;
        break;
      default:
        break;
    }
    ++s.cycles;
  }
}

void churn_module(scene& s, int wanted) {
  khelp_load_options options{};
  options.size = sizeof options;
  options.module_path = KHELP_HELPER_DIR;
  for (int done = 0; done < wanted && !s.stop; ++done) {
    std::int32_t id = 0;
    int loaded = khelp_load("count_native", &options, &id);
    // Another thread's reap may still be at the file before.
    while (loaded == EEXIST) {
      khelp_reap();
      sched_yield();
      loaded = khelp_load("count_native", &options, &id);
    }
    ASSERT_EQ(loaded, 0) << khelp_failure_text();
    ASSERT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
    ++s.cycles;
  }
}

std::uint64_t calls_and_skips(const khelp_hook_stat& stat) {
  std::uint64_t sum = stat.calls;
  for (std::uint64_t skipped : stat.skipped)
    sum += skipped;
  return sum;
}

}  // namespace

TEST(churn, helpers_of_every_kind_come_and_go_while_hooks_run_and_objects_live_and_die) {
  scene s;
  const std::int32_t late_type = fresh_type();
  const std::uint32_t keeps = KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT;
  std::atomic<std::uint64_t> counted_a{0};
  std::atomic<std::uint64_t> counted_b{0};

  declared stays("stays");
  stays.add(s.a, count_plain, &counted_a, -2);
  stays.add(s.a, run_b, &s, -1);
  stays.add(s.b, count_plain, &counted_b);
  stays.add(s.slow, count_plain, &counted_b);
  declared keeper("keeper", keeps, sizeof(data));
  keeper.x.data_init = make_data;
  keeper.x.data_fini = end_data;
  keeper.add(s.a, count_data, &keeper);
  keeper.add(s.b, count_data, &keeper);
  ASSERT_EQ(stays.load(), 0) << khelp_failure_text();
  ASSERT_EQ(keeper.load(), 0) << khelp_failure_text();

  std::array<objects, runner_count> all;
  std::vector<std::thread> threads;
  for (int i = 0; i < runner_count; ++i)
    threads.emplace_back([&, i] { run_points(s, all[static_cast<std::size_t>(i)]); });
  threads.emplace_back([&] {
    read_by_id(s, all, {"keeper", "revoked0", "revoked1", "waited0", "leaving1"});
  });
  threads.emplace_back([&] { read_statistics(s); });
  threads.emplace_back([&] { register_and_deregister(s, late_type); });
  threads.emplace_back([&] { churn_module(s, module_cycles); });
  for (int i = 0; i < churner_count; ++i)
    threads.emplace_back([&, i] { churn(s, i, late_type); });

  const auto start = std::chrono::steady_clock::now();
  const auto at_least = budget(std::chrono::seconds(4));
  const auto at_most = at_least + std::chrono::minutes(3);
  while (!testing::Test::HasFailure()) {
    const auto spent = std::chrono::steady_clock::now() - start;
    if ((s.cycles >= wanted_cycles && spent >= at_least) || spent >= at_most)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  s.stop = true;
  for (auto& t : threads)
    t.join();
  reap_all();

  EXPECT_GE(s.cycles, wanted_cycles);
  RecordProperty("cycles_per_second", static_cast<int>(s.cycles / spent.count()));
  std::printf("%d loads and unloads in %.1f s (%.0f/s), %llu + %llu runs\n", s.cycles.load(),
              spent.count(), s.cycles / spent.count(),
              static_cast<unsigned long long>(s.runs_a.load()),
              static_cast<unsigned long long>(s.runs_b.load()));
  EXPECT_FALSE(found_dead_data);
  EXPECT_EQ(counted_a, s.runs_a);
  EXPECT_EQ(counted_b, s.runs_b + s.runs_slow);
  EXPECT_EQ(stat_of_hook(s.slow, "stays").calls, s.runs_slow);
  EXPECT_EQ(calls_and_skips(stat_of_hook(s.a, "keeper")), s.runs_a);
  EXPECT_EQ(calls_and_skips(stat_of_hook(s.b, "keeper")), s.runs_b);
  EXPECT_EQ(stat_of_hook(s.a, "keeper").skipped[KHELP_SKIP_NO_DATA], 0u);
  EXPECT_EQ(stat_of_helper("stays").calls, 2 * s.runs_a + s.runs_b + s.runs_slow);
  EXPECT_EQ(stat_of_helper("keeper").attached, 0u);

  EXPECT_EQ(stays.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(keeper.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(data_alive, 0);
  EXPECT_EQ(s.a.head->hhh_nhooks + s.b.head->hhh_nhooks + s.slow.head->hhh_nhooks, 0u);
}
