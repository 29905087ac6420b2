// What a module has left with the process when it is unloaded: the module stays mapped, and says
// why; or it is taken off.

#include <csignal>
#include <cstdlib>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "test_modules/loader_test.hpp"

namespace {

using testing::Contains;
using testing::HasSubstr;

std::mutex notes_mutex;
std::vector<std::string> notes;

}  // namespace

extern "C" __attribute__((visibility("default"))) void loader_test_note(const char* words) {
  std::lock_guard held(notes_mutex);
  notes.emplace_back(words);
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

}  // namespace
