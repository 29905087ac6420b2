// The end of the process while modules are loaded and threads run their hooks.

#include <atomic>
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <latch>
#include <string>
#include <thread>
#include <unistd.h>

#include <khelp/log.h>

#include "test_modules/loader_test.hpp"

namespace {

std::atomic<unsigned> exit_functions{0};

}  // namespace

/// An executable's definition stands before that of the C library.
extern "C" __attribute__((visibility("default"))) int __cxa_atexit(void (*function)(void*),
                                                                   void* arg, void* handle) {
  using type = int (*)(void (*)(void*), void*, void*);
  static const auto next = reinterpret_cast<type>(dlsym(RTLD_NEXT, "__cxa_atexit"));
  ++exit_functions;
  return next(function, arg, handle);
}

namespace {

std::atomic<unsigned> runs{0};
// Whether whoever ends waits for the runs of others, to see that they do no harm.
std::atomic<bool> let_others_run{false};
std::atomic<unsigned> ended{0};

void let_run(unsigned how_many) {
  const unsigned before = runs;
  while (runs - before < how_many)
    std::this_thread::yield();
}

}  // namespace

/// The end of a static object of the module, or of its data.
extern "C" __attribute__((visibility("default"))) void loader_test_note(const char*) {
  ++ended;
  if (let_others_run)
    let_run(3);
}

namespace {

khelp::hook_point<loader_test::event> point{loader_test::point};

void load(const char* module) {
  if (khelp_load(module, nullptr, nullptr) != 0)
    _exit(8);
}

void start(const char* module) {
  setenv("KHELP_MODULE_PATH", KHELP_TEST_MODULES, 1);
  if (!point.open())
    _exit(8);
  load(module);
}

int run_once(void (*inside)() = nullptr) {
  loader_test::event e;
  e.inside = inside;
  point(e);
  ++runs;
  return e.calls;
}

void run_for_ever() {
  for (;;)
    run_once();
}

void run_beside() {
  std::thread(run_for_ever).detach();
  let_run(3);
  let_others_run = true;
}

/// The last to run among the functions of the end: how the process ends.
void end_with(void (*judge)()) {
  std::atexit(judge);
}

// The module's hook ends the process with 9 once a static object of it has been destroyed.

TEST(loader_exit, no_hook_of_a_module_runs_once_its_static_objects_are_destroyed) {
  EXPECT_EXIT(
      {
        end_with([] { _exit(ended == 2 && run_once() == 0 ? 0 : 1); });
        start("static_objects");
        run_beside();
        std::exit(7);
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, so_it_is_for_the_file_that_was_loaded_last) {
  EXPECT_EXIT(
      {
        end_with([] { _exit(ended == 2 ? 0 : 1); });
        start("data");
        load("static_objects");
        run_beside();
        std::exit(7);
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, so_it_is_when_another_thread_than_the_first_ends_the_process) {
  EXPECT_EXIT(
      {
        end_with([] { _exit(ended == 2 ? 0 : 1); });
        start("static_objects");
        run_beside();
        std::thread([] { std::exit(7); }).join();
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, a_hook_may_end_the_process) {
  EXPECT_EXIT(
      {
        end_with([] { _exit(ended == 2 ? 0 : 1); });
        start("static_objects");
        run_beside();
        run_once([] { std::exit(7); });
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, a_hook_that_does_not_return_is_told_and_delays_the_end_by_a_moment_only) {
  EXPECT_EXIT(
      {
        start("static_objects");
        static std::latch inside(1);
        std::thread([] {
          run_once([] {
            inside.count_down();
            for (;;)
              pause();
          });
        }).detach();
        inside.wait();
        const auto told = [](void*, int, const char* words) {
          if (std::string(words).find("may still be in a hook") != std::string::npos)
            _exit(0);
        };
        khelp_log_set_sink(told, nullptr);
        std::exit(7);
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, quick_exit_destroys_nothing_and_leaves_hooks_on) {
  EXPECT_EXIT(
      {
        std::at_quick_exit([] { _exit(ended == 0 && run_once() == 1 ? 0 : 1); });
        start("static_objects");
        run_beside();
        std::quick_exit(7);
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, data_of_objects_that_end_later_ends_without_the_module) {
  EXPECT_EXIT(
      {
        static khelp::object_slots object;
        end_with([] {
          object.close();
          _exit(ended == 0 ? 0 : 1);
        });
        start("data");
        if (!object.open(KHELP_HELPER_CLASS_APP))
          _exit(6);
        std::exit(7);
      },
      testing::ExitedWithCode(0), "");
}

TEST(loader_exit, nothing_is_loaded_or_unloaded_any_more) {
  EXPECT_EXIT(
      {
        static std::int32_t id = 0;
        end_with([] {
          const bool right = khelp_unload(id, KHELP_UNLOAD_REVOKE, 0) == ESHUTDOWN &&
                             khelp_load("key", nullptr, nullptr) == ESHUTDOWN;
          _exit(right ? 0 : 1);
        });
        start("data");
        id = khelp_module_find("data");
        std::exit(7);
      },
      testing::ExitedWithCode(0), "");
}

/// The C library's list of exit functions never gets shorter, and each exit and unload walks it.
TEST(loader_exit, a_module_that_registers_nothing_leaves_the_list_of_exit_functions_as_it_is) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP()
      << "modules call the sanitizer, which might register something for all that is known";
#endif
  EXPECT_EXIT(
      {
        start("static_objects");
        const auto registered_by = [](const char* module) {
          const unsigned before = exit_functions;
          load(module);
          if (khelp_unload(khelp_module_find(module), KHELP_UNLOAD_REFUSE, 0) != 0)
            _exit(7);
          return exit_functions - before;
        };
        if (registered_by("at_exit") == 0)
          _exit(6);
        _exit(registered_by("point") == 0 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
