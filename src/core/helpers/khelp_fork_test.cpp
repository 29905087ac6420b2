// A fork while other threads work on helpers: what they had begun does not bind the child.
#include <cerrno>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <khelp/error.h>
#include <khelp/khelp.h>
#include <khelp/stats.h>

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 4;
constexpr std::int32_t test_type = KHELP_HHOOK_TYPE_APP + 0x310000;

// Where the other thread stands while the test forks.
struct stop {
  std::latch reached{1};
  std::latch go_on{1};
  void stand() {
    reached.count_down();
    go_on.wait();
  }
};
std::unique_ptr<stop> here;

int stand_in_a_hook(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return here->stand(), 0;
}
int stand_in_a_constructor(void*, void*, int) {
  return here->stand(), 0;
}
void stand_in_a_destructor(void*, void*) {
  here->stand();
}
int stand_in_an_init() {
  return here->stand(), 0;
}
int destroyed;

khelp_helper_x helper_of(const char* name) {
  khelp_helper_x x{};
  x.size = sizeof x;
  x.name = name;
  x.version = 1;
  return x;
}
khelp_helper_x keeper_of(const char* name) {
  khelp_helper_x x = helper_of(name);
  x.classes = test_class;
  x.flags = KHELP_HELPER_NEEDS_OSD;
  x.data_size = 16;
  return x;
}

struct point {
  point() { EXPECT_EQ(khelp_hhook_head_register(test_type, 0, &head, 0), 0); }
  ~point() { EXPECT_EQ(khelp_hhook_head_deregister(head), 0); }
  khelp_hhook_head* head = nullptr;
};

class khelp_fork : public testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
    here = std::make_unique<stop>();
    destroyed = 0;
  }

  // What `child` answers in a forked child: 0, or the number of its first step that failed.
  static int in_child(const std::function<int()>& child) {
    const pid_t pid = fork();
    if (pid == 0) {
      alarm(60);  // one that hangs is seen
      _exit(child());
    }
    int status = -1;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // The same while another thread's `work` stands at the stop, from where it goes on afterwards.
  static int child_while(const std::function<void()>& work, const std::function<int()>& child) {
    std::thread other(work);
    here->reached.wait();
    const int answer = in_child(child);
    here->go_on.count_down();
    other.join();
    return answer;
  }
};

std::uint32_t state_of(const char* name) {
  struct found {
    const char* name;
    std::uint32_t state = 0;
  } f{name};
  khelp_stats_helpers(
      [](void* arg, const khelp_helper_stat* stat) {
        auto* to = static_cast<found*>(arg);
        if (std::strcmp(stat->name, to->name) == 0)
          to->state = stat->state;
      },
      &f);
  return f.state;
}

int unload(std::int32_t id, int how = KHELP_UNLOAD_REFUSE) {
  return khelp_helper_unregister(id, how, 0);
}

}  // namespace

TEST_F(khelp_fork, an_object_that_another_thread_was_giving_data_to_holds_no_helper_in_the_child) {
  khelp_helper_x x = keeper_of("giving");
  x.data_init = stand_in_a_constructor;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  EXPECT_EQ(child_while([&] { EXPECT_EQ(khelp_init_osd(test_class, &osd), 0); },
                        [&] { return unload(id); }),
            0);
  EXPECT_EQ(unload(id), EBUSY) << "in the parent it goes on";
  khelp_destroy_osd(&osd);
  EXPECT_EQ(unload(id), 0) << khelp_failure_text();
}

TEST_F(khelp_fork,
       an_object_that_another_thread_was_taking_data_from_holds_no_helper_in_the_child) {
  khelp_helper_x x = keeper_of("taking");
  x.data_fini = stand_in_a_destructor;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(child_while([&] { khelp_destroy_osd(&osd); }, [&] { return unload(id); }), 0);
  EXPECT_EQ(unload(id), 0) << khelp_failure_text();
}

TEST_F(khelp_fork,
       an_object_that_another_thread_destroyed_in_its_hook_holds_no_helper_in_the_child) {
  point p;
  khelp_hookinfo hook{};
  hook.hook_type = test_type;
  hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd* osd) {
    khelp_destroy_osd(osd);
    return here->stand(), 0;
  };
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  khelp_helper_x x = keeper_of("deferring");
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  EXPECT_EQ(child_while([&] { khelp_hhooks_run_if(p.head, nullptr, &osd); },
                        [&] { return unload(id, KHELP_UNLOAD_REVOKE); }),
            0);
  EXPECT_EQ(unload(id), 0) << khelp_failure_text();
}

TEST_F(khelp_fork, objects_that_hold_data_hold_it_in_the_child_too) {
  khelp_helper_x x = keeper_of("holding");
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  EXPECT_EQ(child_while(
                [&] {
                  EXPECT_EQ(khelp_init_osd(test_class, &osd), 0);
                  here->stand();
                },
                [&] {
                  if (unload(id) != EBUSY)
                    return 1;
                  khelp_destroy_osd(&osd);
                  return unload(id) == 0 ? 0 : 2;
                }),
            0);
  khelp_destroy_osd(&osd);
  EXPECT_EQ(unload(id), 0) << khelp_failure_text();
}

TEST_F(khelp_fork, a_fork_by_the_constructor_itself_goes_on_in_parent_and_child) {
  khelp_helper_x x = keeper_of("forking");
  static pid_t child;
  child = -1;
  x.data_init = [](void*, void*, int) { return child = fork(), 0; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  int failed = khelp_init_osd(test_class, &osd) == 0 ? 0 : 1;
  failed += unload(id) == EBUSY ? 0 : 2;
  khelp_destroy_osd(&osd);
  failed += unload(id) == 0 ? 0 : 4;
  if (child == 0)
    _exit(failed);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(failed, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(khelp_fork, an_unload_that_another_thread_had_begun_is_finished_by_the_child) {
  khelp_helper_x x = keeper_of("ending");
  x.data_fini = stand_in_a_destructor;
  x.mod_destroy = [] { return ++destroyed, 0; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &osd), 0);
  khelp_helper_x next = keeper_of("ending");
  EXPECT_EQ(child_while([&] { EXPECT_EQ(unload(id, KHELP_UNLOAD_REVOKE), 0); },
                        [&] {
                          std::int32_t fresh = 0;
                          if (khelp_helper_register(&next, &fresh) != 0)
                            return 1;
                          if (destroyed != 1)
                            return 2;
                          if (unload(id) != ENOENT)
                            return 3;
                          return unload(fresh) == 0 ? 0 : 4;
                        }),
            0);
  EXPECT_EQ(destroyed, 1);
  khelp_destroy_osd(&osd);
}

TEST_F(khelp_fork, an_unload_that_waited_for_a_run_is_finished_by_the_child) {
  point p;
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook.hook_type = test_type;
  hook.hook.hook_func = stand_in_a_hook;
  khelp_helper_x x = helper_of("run");
  x.hooks = &hook;
  x.nhooks = 1;
  x.mod_destroy = [] { return ++destroyed, 0; };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  std::thread runner([&] { khelp_hhooks_run_if(p.head, nullptr, nullptr); });
  here->reached.wait();
  std::thread unloader([&] { EXPECT_EQ(unload(id, KHELP_UNLOAD_REVOKE), 0); });
  while (state_of("run") != KHELP_HELPER_GOING)
    std::this_thread::yield();
  khelp_helper_x next = helper_of("run");
  EXPECT_EQ(in_child([&] {
              std::int32_t fresh = 0;
              if (khelp_helper_register(&next, &fresh) != 0)
                return 1;
              return destroyed == 1 ? 0 : 2;
            }),
            0);
  EXPECT_EQ(destroyed, 0) << "in the parent it waits";
  here->go_on.count_down();
  runner.join();
  unloader.join();
  EXPECT_EQ(destroyed, 1);
}

TEST_F(khelp_fork, a_load_that_another_thread_had_begun_is_nothing_in_the_child) {
  khelp_helper_x x = keeper_of("coming");
  x.mod_init = stand_in_an_init;
  x.mod_destroy = [] { return ++destroyed, 0; };
  khelp_helper_x next = keeper_of("coming");
  std::int32_t id = 0;
  EXPECT_EQ(child_while([&] { EXPECT_EQ(khelp_helper_register(&x, &id), 0); },
                        [&] {
                          std::int32_t fresh = 0;
                          if (khelp_helper_register(&next, &fresh) != 0)
                            return 1;
                          if (destroyed != 0)
                            return 2;
                          return unload(fresh) == 0 ? 0 : 3;
                        }),
            0);
  EXPECT_EQ(unload(id), 0) << khelp_failure_text();
  EXPECT_EQ(destroyed, 1);
}

TEST_F(khelp_fork, an_end_that_another_thread_is_in_is_not_begun_again_by_the_child) {
  khelp_helper_x x = keeper_of("destroying");
  x.mod_destroy = [] {
    ++destroyed;
    return here->stand(), 0;
  };
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  EXPECT_EQ(child_while([&] { EXPECT_EQ(unload(id), 0); },
                        [&] {
                          khelp_reap();
                          if (unload(id) != ENOENT)
                            return 1;
                          return destroyed == 1 ? 0 : 2;
                        }),
            0);
}
