// A fork that begins before the process has used the loader: a program of its own, for the first use.

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "test_modules/loader_test.hpp"

namespace {

std::latch init_runs(1);
std::latch forked(1);
std::atomic<bool> first_init{true};
std::thread loading;

/// In the middle of the fork: another thread loads, and has the turn.
void load_meanwhile() {
  loading = std::thread([] { EXPECT_EQ(khelp_load("counter", nullptr, nullptr), 0); });
  init_runs.wait();
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char* words) {
  if (std::strcmp(words, "counter init") != 0 || !first_init.exchange(false))
    return;
  init_runs.count_down();
  forked.wait();
}

namespace {

TEST(loader_first_use, a_fork_that_began_before_it_knows_of_the_load_that_it_cuts_off) {
  setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1);
  pthread_atfork(load_meanwhile, nullptr, nullptr);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    alarm(60);  // it would wait for a turn that no thread gives
    _exit(khelp_load("counter", nullptr, nullptr) == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  forked.count_down();
  loading.join();
  EXPECT_EQ(khelp_unload(khelp_module_find("counter"), KHELP_UNLOAD_REFUSE, 0), 0);
}

}  // namespace
