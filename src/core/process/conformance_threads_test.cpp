// The lines of the conformance checklist that need several threads or a second process.
#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/log.h>

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 3;
constexpr std::int32_t test_type = KHELP_HHOOK_TYPE_APP + 0x300000;

struct counted {
  std::uint64_t calls;
};
int count(std::int32_t, std::int32_t, void*, void*, void* hdata, khelp_osd*) {
  ++static_cast<counted*>(hdata)->calls;
  return 0;
}

khelp_hookinfo_x hook_at(std::int32_t type, std::int32_t id) {
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_func = count;
  hook.hook.hook_type = type;
  hook.hook.hook_id = id;
  return hook;
}

khelp_helper_x helper_with(const char* name, const khelp_hookinfo_x* hooks, std::uint32_t nhooks) {
  khelp_helper_x x{};
  x.size = sizeof x;
  x.name = name;
  x.version = 1;
  x.classes = test_class;
  x.flags = KHELP_HELPER_NEEDS_OSD;
  x.data_size = sizeof(counted);
  x.hooks = hooks;
  x.nhooks = nhooks;
  return x;
}

}  // namespace

TEST(conformance_threads,
     conformance_16_a_child_forked_in_the_middle_of_a_run_registers_runs_and_removes) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  // Another thread is inside a run of its own when the fork happens: nobody in the child is.
  struct inside {
    std::latch reached{1};
    std::latch go_on{1};
  } sleeper;
  khelp_hhook_head* busy = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(test_type, 1, &busy, 0), 0);
  khelp_hookinfo sleep_there{};
  sleep_there.hook_func = [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
    static_cast<inside*>(udata)->reached.count_down();
    static_cast<inside*>(udata)->go_on.wait();
    return 0;
  };
  sleep_there.hook_udata = &sleeper;
  ASSERT_EQ(khelp_hhook_add_hook(busy, &sleep_there, 0), 0);
  std::thread runner([&] { khelp_hhooks_run_if(busy, nullptr, nullptr); });
  sleeper.reached.wait();

  struct in_child {
    khelp_hhook_head* busy;
    khelp_hookinfo* sleep_there;
    int status = -1;
  } context{busy, &sleep_there};
  khelp_hhook_head* forking = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(test_type, 2, &forking, 0), 0);
  khelp_hookinfo fork_there{};
  fork_there.hook_func = [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
    auto* c = static_cast<in_child*>(udata);
    const pid_t child = fork();
    if (child == 0) {
      const khelp_hookinfo_x hook = hook_at(test_type, 3);
      const khelp_helper_x x = helper_with("inchild", &hook, 1);
      std::int32_t id = 0;
      khelp_hhook_head* fresh = nullptr;
      khelp_osd osd = KHELP_OSD_INITIALIZER;
      int failed = 0;
      failed += khelp_hhook_head_register(test_type, 3, &fresh, 0) != 0;
      failed += khelp_helper_register(&x, &id) != 0;
      failed += khelp_init_osd(test_class, &osd) != 0;
      khelp_hhooks_run_if(fresh, nullptr, &osd);
      failed += static_cast<counted*>(khelp_get_osd(&osd, id))->calls != 1;
      failed += khelp_destroy_osd(&osd) != 0;
      failed += khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0) != 0;
      failed += khelp_hhook_remove_hook(c->busy, c->sleep_there) != 0;
      _exit(failed);
    }
    waitpid(child, &c->status, 0);
    return 0;
  };
  fork_there.hook_udata = &context;
  ASSERT_EQ(khelp_hhook_add_hook(forking, &fork_there, 0), 0);
  khelp_hhooks_run_if(forking, nullptr, nullptr);
  EXPECT_TRUE(WIFEXITED(context.status));
  EXPECT_EQ(WEXITSTATUS(context.status), 0);

  sleeper.go_on.count_down();
  runner.join();
  EXPECT_EQ(khelp_hhook_head_deregister(busy), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(forking), 0);
  khelp_hhook_remove_hook_lookup(&sleep_there);
  khelp_hhook_remove_hook_lookup(&fork_there);
}

TEST(conformance_threads,
     conformance_26_no_object_and_no_point_that_appear_during_loads_are_missed) {
  static std::atomic<int> lines;
  lines = 0;
  // A load that overtakes a point's registration says that its hook waits, and each that it is there.
  khelp_log_set_sink(
      [](void*, int, const char* words) {
        lines += std::strncmp(words, "helper 'loaded'", 15) != 0 ? 1 : 0;
      },
      nullptr);
  constexpr std::int32_t points = 64;
  constexpr int rounds = 200;
  khelp_hookinfo_x hooks[points];
  for (std::int32_t i = 0; i < points; ++i)
    hooks[i] = hook_at(test_type + 1, i);
  const khelp_helper_x x = helper_with("loaded", hooks, points);

  for (int round = 0; round < rounds; ++round) {
    std::latch start(3);
    khelp_hhook_head* heads[points] = {};
    std::int32_t id = 0;
    std::atomic<bool> loaded{false};
    std::thread registrar([&] {
      start.arrive_and_wait();
      for (std::int32_t i = 0; i < points; ++i)
        EXPECT_EQ(khelp_hhook_head_register(test_type + 1, i, &heads[i], 0), 0);
    });
    std::thread owner([&] {
      start.arrive_and_wait();
      for (bool last = false; !last;) {
        last = loaded;
        khelp_osd osd = KHELP_OSD_INITIALIZER;
        // Once the helper answers to its name, an object that begins now has its data.
        const bool after = khelp_get_id("loaded") > 0;
        EXPECT_EQ(khelp_init_osd(test_class, &osd), 0);
        if (after) {
          EXPECT_NE(khelp_get_osd(&osd, khelp_get_id("loaded")), nullptr) << "K-4";
        }
        khelp_destroy_osd(&osd);
      }
    });
    start.arrive_and_wait();
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << "K-28: " << khelp_failure_text();
    loaded = true;
    registrar.join();
    owner.join();
    for (khelp_hhook_head* head : heads) {
      EXPECT_EQ(head->hhh_nhooks, 1u) << "K-4";
      EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
    }
    ASSERT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  }
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_EQ(lines, rounds * points)
      << "one line for each hook whose point ended, and no other (K-28)";
}

TEST(conformance_threads, conformance_30_data_starts_from_zero_on_a_recycled_item) {
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(test_type + 2, 0, &head, 0), 0);
  // As FreeBSD's example declares itself: no constructor, counters that are assumed to be zero.
  khelp_helper h{};
  khelp_hookinfo hook = hook_at(test_type + 2, 0).hook;
  h.h_flags = KHELP_HELPER_NEEDS_OSD;
  h.h_classes = test_class;
  khelp_khelp_modevent_data data{};
  std::strcpy(data.name, "recycled");
  data.helper = &h;
  data.hooks = &hook;
  data.nhooks = 1;
  data.uma_zsize = sizeof(counted);
  ASSERT_EQ(khelp_modevent(nullptr, KHELP_MOD_LOAD, &data), 0);
  void* first = nullptr;
  bool recycled = false;
  for (int i = 0; i < 3; ++i) {
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
    auto* mine = static_cast<counted*>(khelp_get_osd(&osd, h.h_id));
    EXPECT_EQ(mine->calls, 0u) << "K-40";
    recycled = recycled || mine == first;
    first = mine;
    khelp_hhooks_run_if(head, nullptr, &osd);
    EXPECT_EQ(mine->calls, 1u);
    khelp_destroy_osd(&osd);
  }
  EXPECT_TRUE(recycled) << "the test would show nothing with fresh memory";
  EXPECT_EQ(khelp_modevent(nullptr, KHELP_MOD_UNLOAD, &data), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
}
