// Threads that end inside hooks, signal handlers that run points, children of a fork.
#include <csignal>
#include <pthread.h>
#include <thread>
#include <unistd.h>

#include "rig.hpp"

using namespace stress;

namespace {

using count = std::atomic<std::uint64_t>;

int count_call(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++*static_cast<count*>(udata);
  return 0;
}

struct ending_run {
  point& p;
  khelp_osd* osd;
  gate inside;
};

void* run_point(void* arg) {
  auto& r = *static_cast<ending_run*>(arg);
  r.p.run(&r, r.osd);
  return arg;
}

// Hooks that do not return: the thread is cancelled in one, and ends itself in the other.
int wait_for_cancellation(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  static_cast<ending_run*>(ctx)->inside.open();
  while (true)
    pause();
}
int end_the_thread(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  pthread_exit(nullptr);
}
int run_inner(std::int32_t, std::int32_t, void* udata, void* ctx, void*, khelp_osd* osd) {
  static_cast<point*>(udata)->run(ctx, osd);
  return 0;
}

// The outer point's staying hook counts, then runs the inner point, whose last hook ends the
// thread, on an object that holds data.
void threads_that_end_inside(khelp_hhook_func_t ending, bool cancelled) {
  point outer;
  point inner;
  count outer_calls{0};
  count inner_calls{0};
  declared stays("stays", KHELP_HELPER_NEEDS_OSD, 32);
  stays.x.flags = 0;
  stays.add(outer, count_call, &outer_calls, -1);
  stays.add(outer, run_inner, &inner);
  stays.add(inner, count_call, &inner_calls, -1);
  ASSERT_EQ(stays.load(), 0) << khelp_failure_text();
  declared ends("ends", KHELP_HELPER_NEEDS_OSD, 32);
  ends.add(inner, ending);
  ASSERT_EQ(ends.load(), 0) << khelp_failure_text();

  constexpr unsigned threads = 50;
  for (unsigned i = 0; i < threads; ++i) {
    khelp_osd osd = KHELP_OSD_INITIALIZER;
    ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
    ending_run run{outer, &osd, {}};
    pthread_t thread{};
    ASSERT_EQ(pthread_create(&thread, nullptr, run_point, &run), 0);
    void* result = nullptr;
    if (cancelled) {
      run.inside.wait();
      pthread_cancel(thread);
    }
    ASSERT_EQ(pthread_join(thread, &result), 0);
    EXPECT_EQ(result, cancelled ? PTHREAD_CANCELED : nullptr);
    EXPECT_EQ(khelp_hhook_synchronize(nullptr), 0) << "no section was left open";
    khelp_destroy_osd(&osd);
  }
  EXPECT_EQ(outer_calls, threads);
  EXPECT_EQ(inner_calls, threads);
  EXPECT_EQ(stat_of_hook(inner, "ends").calls, threads);
  EXPECT_EQ(stat_of_hook(inner, "ends").exceptions, 0u) << "forced unwinding is no exception";
  EXPECT_EQ(ends.unload(), 0) << khelp_failure_text();
  EXPECT_EQ(stays.unload(), 0) << khelp_failure_text();
}

// ---- signals ----

struct signalled {
  point* p = nullptr;
  count runs{0};
} in_handler;

void run_in_handler(int) {
  const int saved = errno;
  ++in_handler.runs;
  in_handler.p->run();
  errno = saved;
}

}  // namespace

TEST(threads_end, a_thread_that_is_cancelled_inside_a_hook_leaves_nothing_behind) {
  threads_that_end_inside(wait_for_cancellation, true);
}

TEST(threads_end, a_thread_that_exits_inside_a_hook_leaves_nothing_behind) {
  threads_that_end_inside(end_the_thread, false);
}

TEST(threads_end, a_cancellation_that_comes_while_a_helper_ends_waits_until_it_has_ended) {
  // Both destructors are cancellation points; the thread that unloads is cancelled before.
  static std::atomic<int> ended{0};
  ended = 0;
  declared helper("endscalm", KHELP_HELPER_NEEDS_OSD, 32);
  helper.x.data_fini = [](void*, void*) {
    pthread_testcancel();
    ++ended;
  };
  helper.x.mod_destroy = [] {
    pthread_testcancel();
    ++ended;
    return 0;
  };
  ASSERT_EQ(helper.load(), 0) << khelp_failure_text();
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
  std::thread unloading([&] {
    pthread_cancel(pthread_self());
    helper.unload(KHELP_UNLOAD_REVOKE);
    int before = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  });
  unloading.join();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(khelp_get_id("endscalm"), -1);
  khelp_destroy_osd(&osd);
}

TEST(threads_end, a_destructor_of_data_that_throws_takes_the_data_and_its_reference_with_it) {
  declared helper("throwsend", KHELP_HELPER_NEEDS_OSD, 32);
  helper.x.data_fini = [](void*, void*) { throw 1; };
  ASSERT_EQ(helper.load(), 0) << khelp_failure_text();
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
  EXPECT_EQ(khelp_destroy_osd(&osd), 0) << "what it throws goes to the log";
  EXPECT_EQ(stat_of_helper("throwsend").attached, 0u);
  ASSERT_EQ(khelp_init_osd(object_class, &osd), 0);
  EXPECT_EQ(helper.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
  khelp_destroy_osd(&osd);
}

TEST(threads_end, signal_handlers_run_points_over_every_step_of_a_run) {
  point outer;
  point inner;
  count outer_calls{0};
  count inner_calls{0};
  count handler_calls{0};
  point for_handler;
  in_handler.p = &for_handler;
  in_handler.runs = 0;
  declared stays("insignals");
  stays.add(outer, count_call, &outer_calls, -1);
  stays.add(outer, run_inner, &inner);
  stays.add(inner, count_call, &inner_calls);
  stays.add(for_handler, count_call, &handler_calls);
  ASSERT_EQ(stays.load(), 0) << khelp_failure_text();
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = run_in_handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, &before);

  std::atomic<bool> stop{false};
  count runs{0};
  std::vector<std::thread> runners;
  for (int i = 0; i < 2; ++i) {
    runners.emplace_back([&] {
      while (!stop) {
        ++runs;
        outer.run();
      }
    });
  }
  // A point that changes meanwhile: the handlers meet every set.
  declared comes("comes");
  count others{0};
  comes.add(for_handler, count_call, &others);
  comes.add(outer, count_call, &others);
  const auto end = std::chrono::steady_clock::now() + budget(std::chrono::seconds(1));
  while (std::chrono::steady_clock::now() < end) {
    for (auto& runner : runners)
      pthread_kill(runner.native_handle(), SIGUSR1);
    ASSERT_EQ(comes.load(), 0) << khelp_failure_text();
    ASSERT_EQ(comes.unload(), 0) << khelp_failure_text();
  }
  stop = true;
  for (auto& runner : runners)
    runner.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_GT(in_handler.runs, 0u);
  EXPECT_EQ(stat_of_hook(inner, "insignals").calls, runs);
  EXPECT_EQ(stat_of_hook(for_handler, "insignals").calls, in_handler.runs);
  EXPECT_EQ(outer_calls, runs);
  EXPECT_EQ(inner_calls, runs);
  EXPECT_EQ(handler_calls, in_handler.runs);
  EXPECT_EQ(stays.unload(), 0);
}

// ---- fork ----

namespace {

point* shared_point = nullptr;
khelp_osd* shared_object = nullptr;

void live_on_in_the_child() {
  count calls{0};
  declared mine("childs", KHELP_HELPER_NEEDS_OSD, 64);
  mine.add(*shared_point, count_call, &calls);
  demand(mine.load() == 0, "load");
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  demand(khelp_init_osd(object_class, &osd) == 0, "init of an object");
  shared_point->run(nullptr, &osd);
  demand(calls == 1, "the hook ran once");
  demand(mine.unload() == EBUSY, "an object holds it");
  khelp_destroy_osd(&osd);
  khelp_destroy_osd(shared_object);
  demand(mine.unload() == 0, "unload");
  demand(khelp_hhook_synchronize(nullptr) == 0, "no run of another thread is waited for");
  std::int32_t type = 0;
  std::int32_t id = 0;
  demand(khelp_hhook_name("a name of the child", &type, &id) == 0, "a name");
  khelp_hhook_head* head = nullptr;
  demand(khelp_hhook_head_register(type, id, &head, 0) == 0, "a point");
  demand(khelp_event_declare("child::event", 7) == 0, "an event");
  demand(khelp_hhook_head_deregister(head) == 0, "its end");
  khelp_reap();
}

}  // namespace

TEST(threads_end, a_forked_child_loads_runs_unloads_while_the_parent_does_the_same) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's allocator may be locked for ever in the child of a fork";
#endif
  point p;
  shared_point = &p;
  khelp_osd object = KHELP_OSD_INITIALIZER;
  shared_object = &object;
  std::atomic<bool> stop{false};
  declared stays("stays", KHELP_HELPER_NEEDS_OSD, 32);
  ASSERT_EQ(stays.load(), 0);
  ASSERT_EQ(khelp_init_osd(object_class, &object), 0);
  std::vector<std::thread> busy;
  for (int i = 0; i < 2; ++i) {
    busy.emplace_back([&] {
      khelp_osd osd = KHELP_OSD_INITIALIZER;
      while (!stop) {
        khelp_init_osd(object_class, &osd);
        for (int n = 0; n < 10; ++n)
          p.run(nullptr, &osd);
        khelp_destroy_osd(&osd);
      }
    });
  }
  busy.emplace_back([&] {
    count calls{0};
    declared comes("comes", KHELP_HELPER_NEEDS_OSD | KHELP_HELPER_ADOPT, 64);
    comes.add(p, count_call, &calls);
    while (!stop) {
      ASSERT_EQ(comes.load(), 0) << khelp_failure_text();
      khelp_event_declare("parent::event", 5);
      ASSERT_EQ(comes.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
    }
  });
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(in_child(live_on_in_the_child), 0);
  stop = true;
  for (auto& t : busy)
    t.join();
  khelp_destroy_osd(&object);
  EXPECT_EQ(stays.unload(), 0) << khelp_failure_text();
}

TEST(threads_end, a_child_forked_inside_a_hook_leaves_the_hook_and_goes_on) {
  point p;
  shared_point = &p;
  khelp_osd object = KHELP_OSD_INITIALIZER;
  shared_object = &object;
  static int status;
  status = -1;
  khelp_hookinfo hook = hook_at(p, [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
    status = in_child([] {
      demand(khelp_hhook_synchronize(nullptr) == EDEADLK, "it is still inside");
      khelp_reap();
    });
    return 0;
  });
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  p.run();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0);
}
