// What a module has left with the process when it is unloaded: the module stays mapped, and says
// why; or it is taken off.

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <latch>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mutex>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/hook_list.h>
#include <khelp/osd.h>
#include <khelp/sflt.h>
#include <khelp/uma.h>
#include <khelp/vnet.h>

#include "test_modules/loader_test.hpp"

namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::mutex notes_mutex;
std::vector<std::string> notes;

}  // namespace

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char* words) {
  std::lock_guard held(notes_mutex);
  notes.emplace_back(words);
}

std::atomic<bool> over{false};
extern "C" __attribute__((visibility("default"))) bool loader_test_over() {
  return over;
}
extern "C" __attribute__((visibility("default"))) int loader_test_add(int32_t, int32_t,
                                                                      void* number, void* event,
                                                                      void*, khelp_osd*) {
  static_cast<loader_test::event*>(event)->calls += *static_cast<int*>(number);
  return 0;
}

namespace {

struct listed {
  std::uint32_t state = 0;
  bool permanent = false;
  std::string reason;
};

listed line_of(std::int32_t id) {
  struct search {
    std::int32_t id;
    listed found;
  } wanted{id, {}};
  const auto look = [](void* arg, const khelp_module_info* info) {
    auto& to = *static_cast<search*>(arg);
    if (info->id == to.id)
      to.found = {info->state, info->permanent != 0, info->reason};
  };
  EXPECT_EQ(khelp_modules(look, &wanted), 0);
  return wanted.found;
}

std::uint32_t zombies_of(const std::string& module) {
  struct search {
    const std::string& module;
    std::uint32_t zombies = 0;
  } wanted{module};
  const auto count = [](void* arg, const khelp_module_info* info) {
    auto& to = *static_cast<search*>(arg);
    to.zombies += to.module == info->name && info->state == KHELP_MODULE_ZOMBIE;
  };
  EXPECT_EQ(khelp_modules(count, &wanted), 0);
  return wanted.zombies;
}

std::string warnings_of(const std::string& file) {
  std::string lines;
  const auto add = [](void* to, int severity, const char* line) {
    if (severity == 1)
      *static_cast<std::string*>(to) += std::string(line) + "\n";
  };
  EXPECT_EQ(khelp_check_file(file.c_str(), add, &lines), 0) << khelp_failure_text();
  return lines;
}

class loader_leaves : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1); }
  void SetUp() override { notes.clear(); }

  static std::int32_t load(const char* name) {
    std::int32_t id = -1;
    EXPECT_EQ(khelp_load(name, nullptr, &id), 0) << khelp_failure_text();
    return id;
  }

  /// Unload a module whose registrations are taken off for it.
  static void goes(std::int32_t id) {
    EXPECT_FALSE(line_of(id).permanent);
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_DEAD))
        << line_of(id).reason;
  }

  /// Unload a module that `check` calls permanent: it must be a zombie for that reason.
  static void stays(std::int32_t id, const char* name, const char* why) {
    EXPECT_THAT(warnings_of(std::string(KHELP_TEST_MODULES "/") + name + ".so"), HasSubstr(why));
    EXPECT_TRUE(line_of(id).permanent);
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
    EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
    EXPECT_THAT(line_of(id).reason, HasSubstr(why));
    khelp_reap();
    EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  }
};

// ---- what only the functions that it calls can tell

TEST_F(loader_leaves, a_threads_key_has_its_destructor_when_the_thread_ends_later) {
  const std::int32_t id = load("key");
  khelp::hook_point<loader_test::event> point{loader_test::point};
  ASSERT_TRUE(point.open());
  std::latch ran(1);
  std::latch end(1);
  std::thread thread([&] {
    loader_test::event e;
    point(e);
    ran.count_down();
    end.wait();
  });
  ran.wait();
  stays(id, "key", "pthread_key_create");
  end.count_down();
  thread.join();
  EXPECT_THAT(notes, Contains("key called"));
}

TEST_F(loader_leaves, a_signal_handler_is_there_for_the_signal_that_comes_later) {
  stays(load("handler"), "handler", "signal");
  std::raise(SIGUSR2);
  EXPECT_THAT(notes, Contains("handler called"));
  std::signal(SIGUSR2, SIG_DFL);
}

TEST_F(loader_leaves, a_function_for_the_end_of_the_process_is_called_there) {
  EXPECT_EXIT(
      {
        // What was registered first is called last.
        on_exit([](int, void*) { _exit(notes.back() == "exit_function called" ? 0 : 1); }, nullptr);
        stays(load("exit_function"), "exit_function", "on_exit");
        std::exit(1);
      },
      testing::ExitedWithCode(0), "");
}

// ---- registrations with the library

TEST_F(loader_leaves, a_slot_of_objects_is_taken_off_with_its_values) {
  const std::int32_t id = load("slot");
  khelp_osd object{};
  int value = 0;
  ASSERT_EQ(khelp_osd_set(KHELP_OSD_THREAD, &object, 1, &value), 0);
  goes(id);
  EXPECT_THAT(notes, Contains("slot called")) << "while its code was there";
  EXPECT_EQ(khelp_osd_get(KHELP_OSD_THREAD, &object, 1), nullptr);
  khelp_osd_exit(KHELP_OSD_THREAD, &object);
}

TEST_F(loader_leaves, a_socket_filter_is_taken_off) {
  goes(load("filter"));
  int so = 0;
  khelp_sflt_socket* open = khelp_sflt_socket_open(reinterpret_cast<khelp_socket*>(&so), 2, 1, 0);
  ASSERT_NE(open, nullptr) << khelp_failure_text();
  EXPECT_EQ(khelp_sflt_any(open), 0);
  EXPECT_EQ(khelp_sflt_socket_close(open), 0);
  EXPECT_THAT(notes, Not(Contains("filter called")));
}

TEST_F(loader_leaves, a_point_in_its_memory_is_taken_off) {
  goes(load("point"));
  EXPECT_EQ(khelp_hhook_head_get(KHELP_HHOOK_TYPE_APP, 900), nullptr);
  goes(load("point"));
}

TEST_F(loader_leaves, a_point_in_its_memory_keeps_it_as_long_as_somebody_refers_to_the_point) {
  const std::int32_t id = load("point");
  khelp_hhook_head* const held = khelp_hhook_head_get(KHELP_HHOOK_TYPE_APP, 900);
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(line_of(id).reason, HasSubstr("hook point 4096/900"));
  khelp_hhook_run_hooks(held, nullptr, nullptr);
  khelp_hhook_head_release(held);
  khelp_reap();
  EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_DEAD)) << line_of(id).reason;
}

TEST_F(loader_leaves, a_hook_of_the_program_with_an_argument_in_its_memory_is_taken_off) {
  khelp::hook_point<loader_test::event> point{loader_test::point};
  ASSERT_TRUE(point.open());
  const auto run = [&point] {
    loader_test::event e;
    point(e);
    return e.calls;
  };
  const std::int32_t id = load("argument");
  EXPECT_EQ(run(), 2) << "its own hook, and the program's";
  goes(id);
  EXPECT_EQ(run(), 0);
}

TEST_F(loader_leaves, a_hook_of_a_list_is_taken_off) {
  goes(load("listed"));
  khelp_hook_run(khelp_hooks_of_process(KHELP_HOOKS_SHUTDOWN), 0, nullptr, nullptr);
  EXPECT_THAT(notes, Not(Contains("listed called")));
}

TEST_F(loader_leaves, functions_of_instances_are_taken_off) {
  goes(load("instances"));
  EXPECT_THAT(notes, ElementsAre("instances begins", "instances ends"));
  khelp_vnet* made = khelp_vnet_alloc(nullptr);
  ASSERT_NE(made, nullptr) << khelp_failure_text();
  EXPECT_EQ(khelp_vnet_destroy(made), 0);
  EXPECT_EQ(notes.size(), 2U);
}

TEST_F(loader_leaves, a_zone_that_calls_it_keeps_it) {
  const std::int32_t id = load("zone");
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(line_of(id).reason, HasSubstr("zone 'zone' calls functions of it"));
  khelp_uma_reclaim(KHELP_UMA_RECLAIM_DRAIN_CPU);
}

// ---- threads

class loader_leaves_threads : public loader_leaves {
 protected:
  void SetUp() override {
    loader_leaves::SetUp();
    if (!warnings_of(KHELP_TEST_MODULES "/thread.so").empty())
      GTEST_SKIP() << "threads cannot be told here, so the file is permanent";
    over = false;
  }

  static std::int32_t load_starting(const char* way) {
    khelp_load_param param{"way", way};
    khelp_load_options options{};
    options.size = sizeof options;
    options.params = &param;
    options.nparams = 1;
    std::int32_t id = -1;
    EXPECT_EQ(khelp_load("thread", &options, &id), 0) << khelp_failure_text();
    return id;
  }
};

TEST_F(loader_leaves_threads, a_module_that_joins_its_threads_goes) {
  // Threads of others are not its own.
  std::jthread other([](const std::stop_token& end) {
    while (!end.stop_requested())
      std::this_thread::yield();
  });
  for (int i = 0; i < 20; i++)
    goes(load_starting("none"));
}

TEST_F(loader_leaves_threads, a_thread_that_is_left_keeps_the_module_until_it_has_ended) {
  for (const char* way : {"std", "posix", "c"}) {
    over = false;
    const std::int32_t id = load_starting(way);
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE)) << way;
    EXPECT_THAT(line_of(id).reason, HasSubstr("which it started, still runs"));
    over = true;
    while (line_of(id).state == KHELP_MODULE_ZOMBIE)
      khelp_reap();
    EXPECT_EQ(line_of(id).state, 0U) << "listed as dead, and forgotten";
  }
}

// ---- what the linker runs, and what nobody can know

TEST_F(loader_leaves, what_it_gave_to_atexit_runs_at_its_unload) {
  if (!warnings_of(KHELP_TEST_MODULES "/at_exit.so").empty())
    GTEST_SKIP() << "a sanitizer's atexit knows nothing of files, so the file is permanent";
  goes(load("at_exit"));
  EXPECT_THAT(notes, ElementsAre("at_exit called"));
}

TEST_F(loader_leaves, a_variable_of_the_c_library_keeps_it_while_it_leads_there) {
  char* const before = program_invocation_short_name;
  const std::int32_t id = load("name");
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_ZOMBIE));
  EXPECT_THAT(line_of(id).reason, HasSubstr("program_invocation_short_name"));
  EXPECT_STREQ(program_invocation_short_name, "name");
  program_invocation_short_name = before;
  khelp_reap();
  EXPECT_EQ(line_of(id).state, static_cast<std::uint32_t>(KHELP_MODULE_DEAD)) << line_of(id).reason;
}

/// From now on membarrier(2) is forbidden.
void refuse_membarrier() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    _exit(2);
}

TEST_F(loader_leaves, a_zombie_for_want_of_membarrier_gives_its_name_back) {
  EXPECT_EXIT(
      {
        const std::int32_t id = load("data");
        khelp::hook_point<loader_test::event> point{loader_test::point};
        if (!point.open())
          _exit(3);
        refuse_membarrier();
        const bool unloaded = khelp_unload(id, KHELP_UNLOAD_REVOKE, 0) == 0;
        const bool zombie = line_of(id).state == KHELP_MODULE_ZOMBIE;
        const bool loaded = khelp_load("data", nullptr, nullptr) == 0;
        if (!loaded)
          std::fprintf(stderr, "%s", khelp_failure_text());
        _exit(unloaded && zombie && loaded ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

// ---- how many

TEST_F(loader_leaves, zombies_hold_no_descriptors) {
  const auto descriptors = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = descriptors();
  for (int i = 0; i < 5; i++)
    EXPECT_EQ(khelp_unload(load("permanent"), KHELP_UNLOAD_REFUSE, 0), 0);
  EXPECT_EQ(descriptors(), before);
}

TEST_F(loader_leaves, zombies_of_a_module_are_as_many_as_the_program_allows) {
  khelp_load_options options{};
  options.size = sizeof options;
  options.most_zombies = zombies_of("permanent") + 2;
  for (int i = 0; i < 2; i++) {
    std::int32_t id = -1;
    ASSERT_EQ(khelp_load("permanent", &options, &id), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0);
  }
  EXPECT_EQ(khelp_load("permanent", &options, nullptr), EBUSY);
  EXPECT_THAT(khelp_failure_text(), AllOf(HasSubstr("most_zombies"), HasSubstr("DF_1_NODELETE")));
  std::string told;
  const auto tell = [](void* to, int, const char* line) {
    *static_cast<std::string*>(to) += std::string(line) + "\n";
  };
  EXPECT_EQ(khelp_check_load(KHELP_TEST_MODULES "/permanent.so", &options, tell, &told), 0);
  EXPECT_THAT(told, AllOf(HasSubstr("would not load here"), HasSubstr("most_zombies")));
  options.most_zombies = UINT32_MAX;
  std::int32_t id = -1;
  EXPECT_EQ(khelp_load("permanent", &options, &id), 0) << khelp_failure_text();
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

}  // namespace
