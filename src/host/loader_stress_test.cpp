// Loads and unloads of all kinds while threads run hooks and make and end objects, and processes
// fork. Short by default; KHELP_SOAK_SECONDS makes it as long as that.

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <random>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/linker.h>

#include "test_modules/loader_test.hpp"

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char*) {}
extern "C" __attribute__((visibility("default"))) const char* loader_test_veto() {
  return "";
}

namespace {

khelp::hook_point<loader_test::event> point{loader_test::point};
std::atomic<bool> stop = false;
std::atomic<long> loads =
    0;  // that have succeeded; and one at the end, for those who wait for the next

void count_load() {
  loads++;
  loads.notify_all();
}

// From inside a hook: the one module that may go at any time is asked to.
void unload_stateful() {
  const std::int32_t id = khelp_module_find("stateful");
  if (id > 0)
    (void)khelp_unload(id, KHELP_UNLOAD_REVOKE, 0);
}

// A run that lasts some turns of the scheduler. It waits for nobody: an unload may be waiting for it.
void last_a_while() {
  for (int i = 0; i < 50; i++)
    std::this_thread::yield();
}

void run_hooks(unsigned seed) {
  std::mt19937 random(seed);
  while (!stop) {
    khelp::object_slots object;
    ASSERT_TRUE(object.open(KHELP_HELPER_CLASS_APP)) << khelp_failure_text();
    for (int i = 0; i < 20; i++) {
      loader_test::event e;
      const unsigned dice = random() % 1000;
      e.inside = dice == 0 ? unload_stateful : dice < 5 ? last_a_while : nullptr;
      point(e, object);
    }
  }
}

bool is_expected(int error) {
  // Others load and unload the same modules: they are there, missing, held, or on their way.
  return error == 0 || error == EEXIST || error == ENOENT || error == EBUSY || error == EALREADY ||
         error == ETIMEDOUT;
}

void load_and_unload(const char* name, unsigned seed) {
  std::mt19937 random(seed);
  while (!stop) {
    std::int32_t id = -1;
    const int loaded = khelp_load(name, nullptr, &id);
    ASSERT_TRUE(is_expected(loaded)) << loaded << ": " << khelp_failure_text();
    if (loaded != 0) {
      std::this_thread::yield();
      continue;
    }
    count_load();
    const int how = static_cast<int>(random() % 3);
    const int unloaded = khelp_unload(id, how, 1'000'000);
    ASSERT_TRUE(is_expected(unloaded)) << unloaded << ": " << khelp_failure_text();
    if (unloaded == 0 || unloaded == EALREADY || unloaded == ENOENT)
      continue;
    while (!stop && khelp_unload(id, KHELP_UNLOAD_REVOKE, 0) == EBUSY)
      std::this_thread::yield();
  }
}

void look() {
  while (!stop) {
    EXPECT_EQ(khelp_modules([](void*, const khelp_module_info*) {}, nullptr), 0);
    khelp_reap();
    std::this_thread::yield();
  }
}

/// In a child, everything works on: whatever other threads were in the middle of is not awaited.
int in_child() {
  alarm(60);
  loader_test::event e;
  point(e);
  std::int32_t id = -1;
  const int loaded = khelp_load("throwaway", nullptr, &id);
  if (loaded != 0)
    return 2;
  loader_test::event again;
  point(again);
  if (again.calls == 0)
    return 3;
  return khelp_unload(id, KHELP_UNLOAD_REVOKE, 0) == 0 ? 0 : 4;
}

void fork_children() {
  while (!stop) {
    const long before = loads;
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      _exit(in_child());
    int status = -1;
    waitpid(child, &status, 0);
    ASSERT_EQ(status, 0) << (WIFEXITED(status) ? "exit " : "signal ")
                         << (WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    loads.wait(before);  // the others have gone on before the next fork
  }
}

/// What the loader knows of the program comes from the linker, whose own lock a child inherits.
void look_at_the_program() {
  while (!stop) {
    khelp_kld_info info{};
    info.size = sizeof info;
    EXPECT_EQ(khelp_kld_stat(1, &info), 0);
  }
}

int helpers_left() {
  for (int i = 0; khelp_reap() != 0 && i < 1000; i++)
    std::this_thread::yield();
  int count = 0;
  const auto add = [](void* to, const khelp_module_info* info) {
    if (info->state == KHELP_MODULE_DEAD)
      return;
    ADD_FAILURE() << info->name << " is in state " << info->state << ": " << info->reason;
    ++*static_cast<int*>(to);
  };
  EXPECT_EQ(khelp_modules(add, &count), 0);
  return count;
}

/// So many loads, or for as long as KHELP_SOAK_SECONDS says.
void run_for_a_while(std::vector<std::thread> threads) {
#if defined(__SANITIZE_THREAD__)
  constexpr long enough = 500;
#else
  constexpr long enough = 5'000;
#endif
  using clock = std::chrono::steady_clock;
  const char* soak = std::getenv("KHELP_SOAK_SECONDS");
  const auto end = clock::now() + std::chrono::seconds(soak != nullptr ? std::atoi(soak) : 0);
  for (long seen = loads; seen < enough || clock::now() < end; seen = loads)
    loads.wait(seen);
  stop = true;
  count_load();
  for (std::thread& thread : threads)
    thread.join();
  stop = false;
}

class loader_stress : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1);
    ASSERT_TRUE(point.open()) << khelp_failure_text();
  }
};

TEST_F(loader_stress, modules_come_and_go_while_hooks_run) {
  loads = 0;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; i++)
    threads.emplace_back(run_hooks, i);
  for (const char* name : {"counter", "stateful", "user", "pair", "stateful"})
    threads.emplace_back(load_and_unload, name, static_cast<unsigned>(threads.size()));
  threads.emplace_back(look);
  run_for_a_while(std::move(threads));
  for (const char* name : {"user", "counter", "stateful", "pair"}) {
    if (const std::int32_t id = khelp_module_find(name); id > 0) {
      EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
    }
  }
  EXPECT_EQ(helpers_left(), 0);
  std::ifstream in("/proc/self/maps");
  const std::string maps((std::istreambuf_iterator<char>(in)), {});
  EXPECT_EQ(maps.find("khelp:"), std::string::npos);
}

/// As kldload and kldunload do: what others need is given up, and goes with the last of them.
void load_and_give_up(const char* name) {
  while (!stop) {
    std::int32_t id = -1;
    const int loaded = khelp_load(name, nullptr, &id);
    ASSERT_TRUE(is_expected(loaded)) << loaded << ": " << khelp_failure_text();
    if (loaded != 0) {
      std::this_thread::yield();
      continue;
    }
    count_load();
    const int how = KHELP_UNLOAD_REFUSE | KHELP_UNLOAD_WHEN_FREE;
    int given_up = khelp_unload(id, how, 0);
    while (!stop && given_up == EBUSY) {
      std::this_thread::yield();
      given_up = khelp_unload(id, how, 0);
    }
    ASSERT_TRUE(is_expected(given_up)) << given_up << ": " << khelp_failure_text();
  }
}

TEST_F(loader_stress, files_that_need_one_another_come_and_go) {
  loads = 0;
  std::vector<std::thread> threads;
  for (const char* name : {"user_of_user", "user", "counter", "pair"})
    threads.emplace_back(load_and_give_up, name);
  threads.emplace_back(run_hooks, 1);
  threads.emplace_back(look);
  run_for_a_while(std::move(threads));
  for (const char* name : {"user_of_user", "user", "counter", "pair"}) {
    if (const std::int32_t id = khelp_module_find(name); id > 0) {
      EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
    }
  }
  EXPECT_EQ(helpers_left(), 0);
}

TEST_F(loader_stress, children_forked_meanwhile_load_and_unload) {
#if defined(__SANITIZE_ADDRESS__)
  GTEST_SKIP() << "AddressSanitizer's allocator may be locked for ever in the child of a fork";
#endif
  loads = 0;
  std::vector<std::thread> threads;
  threads.emplace_back(run_hooks, 1);
  threads.emplace_back(load_and_unload, "counter", 2);
  threads.emplace_back(load_and_unload, "stateful", 3);
  threads.emplace_back(look_at_the_program);
  threads.emplace_back(look_at_the_program);
  threads.emplace_back(fork_children);
  run_for_a_while(std::move(threads));
  for (const char* name : {"counter", "stateful"}) {
    if (const std::int32_t id = khelp_module_find(name); id > 0) {
      EXPECT_EQ(khelp_unload(id, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
    }
  }
  EXPECT_EQ(helpers_left(), 0);
}

}  // namespace
