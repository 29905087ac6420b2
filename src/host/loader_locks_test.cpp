// Constructors that the dynamic linker runs, and forks, meet loads of other threads.
//
// constructing.so has a constructor, which makes a note; what the note calls runs inside dlopen(3),
// the program's own or the loader's, with the dynamic linker's lock held.

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <khelp/linker.h>
#include <khelp/loader.h>

#include "test_modules/loader_test.hpp"

namespace {

using testing::HasSubstr;

std::function<void()> in_constructor;
std::function<void()> in_counters_init;

}  // namespace

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char* words) {
  if (std::string_view(words) == "constructing constructor" && in_constructor)
    in_constructor();
  if (std::string_view(words) == "counter init" && in_counters_init)
    in_counters_init();
}

namespace {

/// Whether a thread of this process sleeps in the kernel.
bool sleeps(pid_t thread) {
  std::ifstream in("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(in, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.substr(name_end, 4).find(" S") != std::string::npos;
}

int load(const char* name, std::int32_t* id = nullptr) {
  return khelp_load(name, nullptr, id);
}

bool is_loading(std::string_view name) {
  struct search {
    std::string_view name;
    bool found = false;
  } wanted{name};
  khelp_modules(
      [](void* arg, const khelp_module_info* info) {
        search& it = *static_cast<search*>(arg);
        it.found = it.found || (info->name == it.name && info->state == KHELP_MODULE_LOADING);
      },
      &wanted);
  return wanted.found;
}

class loader_locks : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1); }
  void TearDown() override { in_constructor = nullptr; }

  /// `act` runs in a constructor under the program's own dlopen(3), while another thread is in the
  /// middle of a load and waits for the dynamic linker: its first file has started, its second one is
  /// next.
  static void during_a_load(const std::function<void()>& act) {
    std::latch started(1);
    std::latch constructing(1);
    pid_t loading_thread = 0;
    in_counters_init = [&] {
      loading_thread = gettid();
      started.count_down();
      constructing.wait();
    };
    std::thread loading([] {
      std::int32_t id = 0;
      EXPECT_EQ(load("user", &id), 0) << khelp_failure_text();
      EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
    });
    started.wait();
    in_constructor = [&] {
      constructing.count_down();
      while (!is_loading("user") || !sleeps(loading_thread))
        std::this_thread::yield();
      act();
    };
    void* const own = dlopen(KHELP_TEST_MODULES "/constructing.so", RTLD_NOW);
    EXPECT_NE(own, nullptr) << dlerror();
    loading.join();
    in_counters_init = nullptr;
    dlclose(own);
  }
};

/// The exit status of a child that does this.
int in_child(const std::function<int()>& act) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(act());
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST_F(loader_locks, a_constructor_may_ask_for_symbols_and_files_while_another_thread_loads) {
  std::int32_t id = 0;
  ASSERT_EQ(load("stateful", &id), 0);
  during_a_load([id] {
    void* address = nullptr;
    EXPECT_EQ(khelp_kld_sym(KHELP_KLD_PROGRAM, "malloc", &address, nullptr), 0);
    EXPECT_EQ(khelp_kld_sym(id, "nobody_exports_this", &address, nullptr), ENOENT);
    EXPECT_EQ(khelp_module_find("stateful"), id);
    EXPECT_EQ(khelp_check_file(
                  KHELP_TEST_MODULES "/user.so", [](void*, int, const char*) {}, nullptr),
              0);
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  });
}

TEST_F(loader_locks, a_load_in_a_constructor_is_refused_while_another_thread_loads) {
  during_a_load([] {
    EXPECT_EQ(load("stateful"), EDEADLK);
    EXPECT_THAT(khelp_failure_text(), HasSubstr("constructor"));
  });
}

TEST_F(loader_locks, a_load_in_a_constructor_succeeds_otherwise) {
  std::int32_t id = 0;
  in_constructor = [&id] { EXPECT_EQ(load("stateful", &id), 0) << khelp_failure_text(); };
  void* const own = dlopen(KHELP_TEST_MODULES "/constructing.so", RTLD_NOW);
  ASSERT_NE(own, nullptr) << dlerror();
  EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0);
  dlclose(own);
}

TEST_F(loader_locks, a_constructor_may_fork_while_another_thread_loads_and_the_child_loads) {
  during_a_load([] {
    EXPECT_EQ(in_child([] {
                std::int32_t id = 0;
                const int error = load("stateful", &id);
                if (error != 0)
                  std::fprintf(stderr, "%s\n", khelp_failure_text());
                return error != 0 ? 1 : khelp_unload(id, KHELP_UNLOAD_REFUSE, 0);
              }),
              0);
  });
}

// What the fork waits for is another thread's constructor, which waits for the fork.
TEST_F(loader_locks, a_fork_does_not_wait_for_ever_and_its_child_refuses_what_it_cannot_do) {
  std::int32_t old = 0;
  ASSERT_EQ(load("stateful", &old), 0);
  std::latch constructing(1);
  std::latch forked(1);
  in_constructor = [&] {
    constructing.count_down();
    forked.wait();
  };
  std::thread loading([] {
    std::int32_t id = 0;
    EXPECT_EQ(load("constructing", &id), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0);
  });
  constructing.wait();
  const int status = in_child([old] {
    if (load("counter") != ENOTRECOVERABLE ||
        std::string_view(khelp_failure_text()).find("forked") == std::string_view::npos)
      return 1;
    void* address = nullptr;
    if (khelp_kld_sym(KHELP_KLD_PROGRAM, "malloc", &address, nullptr) != ENOTRECOVERABLE)
      return 2;
    if (khelp_unload(old, KHELP_UNLOAD_REFUSE, 0) != 0)
      return 3;
    khelp_kld_info info{};
    info.size = sizeof info;
    if (khelp_kld_stat(old, &info) != 0 || info.state != KHELP_MODULE_ZOMBIE ||
        std::string_view(info.remark).find("forked") == std::string_view::npos)
      return 4;
    return 0;
  });
  forked.count_down();
  loading.join();
  EXPECT_EQ(status, 0);
  EXPECT_EQ(khelp_unload(old, KHELP_UNLOAD_REFUSE, 0), 0) << "the parent is as it was";
}

}  // namespace
