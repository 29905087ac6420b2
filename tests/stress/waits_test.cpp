// Waits that end when they must: while other points' hooks sleep, while a point is run without
// pause, while what they wait for ends under them.
#include <cstring>
#include <latch>
#include <memory>
#include <thread>

#include "rig.hpp"

using namespace stress;

namespace {

struct sleeper {
  gate inside;
  gate wake;
};
int sleep_until_woken(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& s = *static_cast<sleeper*>(udata);
  s.inside.open();
  s.wake.wait();
  return 0;
}
int nothing(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

// Runs a point without pause in a thread of its own: nearly always inside its hook.
struct hot_runner {
  explicit hot_runner(point& p, khelp_osd* osd = nullptr)
      : thread([this, &p, osd] {
          while (!stop) {
            p.run(nullptr, osd);
            ++runs;
            runs.notify_all();
          }
        }) {
    runs.wait(0);
  }
  ~hot_runner() {
    stop = true;
    thread.join();
  }
  std::atomic<bool> stop{false};
  std::atomic<int> runs{0};
  std::thread thread;
};
int spin_for_a_while(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
  while (std::chrono::steady_clock::now() < end) {
  }
  return 0;
}

}  // namespace

TEST(waits, a_removal_at_one_point_finishes_while_a_hook_of_another_sleeps) {
  point slow;
  point quick;
  sleeper s;
  khelp_hookinfo sleeping = hook_at(slow, sleep_until_woken, &s);
  khelp_hookinfo removed = hook_at(quick, nothing);
  ASSERT_EQ(khelp_hhook_add_hook(slow.head, &sleeping, 0), 0);
  ASSERT_EQ(khelp_hhook_add_hook(quick.head, &removed, 0), 0);
  std::thread inside([&] { slow.run(); });
  s.inside.wait();
  // Each would wait for ever if it waited for the sleeper.
  EXPECT_EQ(khelp_hhook_remove_hook(quick.head, &removed), 0);
  EXPECT_EQ(khelp_hhook_synchronize(quick.head), 0);
  {
    declared helper("quick");
    helper.add(quick, nothing, &helper);
    EXPECT_EQ(helper.load(), 0) << khelp_failure_text();
    EXPECT_EQ(helper.unload(), 0) << khelp_failure_text();
  }
  { const point other; }
  s.wake.open();
  inside.join();
  EXPECT_EQ(khelp_hhook_remove_hook(slow.head, &sleeping), 0);
}

TEST(waits, a_point_that_is_run_without_pause_does_not_starve_those_who_wait_for_it) {
  point p;
  khelp_hookinfo hook = hook_at(p, spin_for_a_while);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  {
    const hot_runner runner(p);
    for (int i = 0; i < 20; ++i) {
      const int before = runner.runs;
      EXPECT_EQ(khelp_hhook_synchronize(p.head), 0);
      EXPECT_LE(runner.runs - before, 20) << "synchronize waits for runs that began before it";
    }
  }
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0);
}

TEST(waits, an_object_whose_point_is_run_without_pause_does_not_starve_a_revoke) {
  point p;
  khelp_hookinfo hook = hook_at(p, spin_for_a_while);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  declared keeper("hotkeeper", KHELP_HELPER_NEEDS_OSD, 16);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(keeper.load(), 0) << khelp_failure_text();
    ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
    {
      const hot_runner runner(p, &osd);
      const int before = runner.runs;
      EXPECT_EQ(keeper.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
      EXPECT_LE(runner.runs - before, 20);
    }
    khelp_destroy_osd(&osd);
  }
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0);
}

TEST(waits, a_point_may_end_while_an_unload_still_waits_for_its_runs) {
  // The unload waits for both points' sleepers at once; the first point ends before the second's
  // sleeper wakes.
  auto first = std::make_unique<point>();
  point second;
  sleeper at_first;
  sleeper at_second;
  declared helper("two_points");
  helper.add(*first, sleep_until_woken, &at_first);
  helper.add(second, sleep_until_woken, &at_second);
  ASSERT_EQ(helper.load(), 0) << khelp_failure_text();
  std::thread in_first([&] { first->run(); });
  std::thread in_second([&] { second.run(); });
  at_first.inside.wait();
  at_second.inside.wait();
  std::thread unloading([&] { EXPECT_EQ(helper.unload(), 0) << khelp_failure_text(); });
  while (khelp_hhooks_enabled(second.head) != 0)
    std::this_thread::yield();
  at_first.wake.open();
  in_first.join();
  first.reset();
  at_second.wake.open();
  in_second.join();
  unloading.join();
}

TEST(waits, a_point_may_end_between_an_unload_inside_a_hook_and_its_completion) {
  auto p = std::make_unique<point>();
  declared helper("endsinside");
  helper.add(
      *p,
      [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
        EXPECT_EQ(static_cast<declared*>(udata)->unload(KHELP_UNLOAD_REVOKE), 0);
        return 0;
      },
      &helper);
  ASSERT_EQ(helper.load(), 0) << khelp_failure_text();
  p->run();
  p.reset();
  reap_all();
  EXPECT_EQ(khelp_get_id("endsinside"), -1);
  EXPECT_EQ(helper.load(), 0) << "the name is free: " << khelp_failure_text();
  EXPECT_EQ(helper.unload(), 0);
}

TEST(waits, two_who_deregister_points_do_not_end_each_others) {
  constexpr int turns = 300;
  std::latch start(2);
  const auto register_and_deregister = [&](std::int32_t type) {
    start.arrive_and_wait();
    for (int i = 0; i < turns; ++i) {
      auto storage = std::make_unique<khelp_hhook_head>();
      khelp_hhook_head* head = nullptr;
      ASSERT_EQ(khelp_hhook_head_register_x(type, 0, storage.get(), &head, nullptr), 0);
      khelp_hhook_run_hooks(head, nullptr, nullptr);
      ASSERT_EQ(khelp_hhook_head_deregister(head), 0);
      std::memset(storage.get(), 0x5a, sizeof *storage);
    }
  };
  std::thread other(register_and_deregister, fresh_type());
  register_and_deregister(fresh_type());
  other.join();
}

TEST(waits, the_last_to_let_go_of_a_helpers_data_may_find_the_helper_gone) {
  constexpr int turns = 300;
  for (int i = 0; i < turns; ++i) {
    declared helper("letgo", KHELP_HELPER_NEEDS_OSD, 16);
    ASSERT_EQ(helper.load(), 0) << khelp_failure_text();
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
    std::latch start(2);
    std::thread ending([&] {
      start.arrive_and_wait();
      khelp_destroy_osd(&osd);
    });
    start.arrive_and_wait();
    EXPECT_EQ(helper.unload(i % 2 == 0 ? KHELP_UNLOAD_WAIT : KHELP_UNLOAD_REVOKE, -1), 0)
        << khelp_failure_text();
    ending.join();
  }
}

TEST(waits, a_hook_that_throws_while_others_add_hooks_is_suspended_in_every_set) {
  point p;
  std::atomic<bool> stop{false};
  std::thread changing([&] {
    khelp_hookinfo hook = hook_at(p, nothing, &stop);
    while (!stop) {
      khelp_hhook_add_hook(p.head, &hook, 0);
      khelp_hhook_remove_hook(p.head, &hook);
    }
  });
  std::atomic<int> thrown{0};
  khelp_hookinfo throwing = hook_at(
      p,
      [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) -> int {
        ++*static_cast<std::atomic<int>*>(udata);
        throw 1;
      },
      &thrown);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &throwing, 0), 0);
  constexpr int turns = 500;
  for (int i = 0; i < turns; ++i) {
    p.run();
    p.run();
    ASSERT_EQ(thrown, i + 1) << "once for each resume";
    ASSERT_EQ(khelp_hhook_resume_hook(&throwing), 0) << khelp_failure_text();
  }
  stop = true;
  changing.join();
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &throwing), 0);
}
