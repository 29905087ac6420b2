// A module's start and end functions, variables and functions per instance, from the outside.
#include "freebsd_startup.h"

#include <atomic>
#include <cerrno>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/loader.h>
#include <khelp/vnet.h>

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::mutex notes_mutex;
std::vector<std::string> notes;

std::vector<std::string> noted() {
  const std::lock_guard held(notes_mutex);
  return std::exchange(notes, {});
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void startup_note(const char* words) {
  const std::lock_guard held(notes_mutex);
  notes.emplace_back(words);
}
extern "C" __attribute__((visibility("default"))) void startup_instance(const char* what,
                                                                        std::uint64_t serial,
                                                                        int limit, int begun) {
  const std::lock_guard held(notes_mutex);
  notes.push_back(std::string(what) + " " + std::to_string(serial) + ": " + std::to_string(limit) +
                  (begun == 1 ? "" : ", not begun"));
}
extern "C" __attribute__((visibility("default"))) void startup_throw() {
  throw std::runtime_error("no start");
}

TEST(freebsd_startup, functions_and_events_run_in_the_order_of_their_places_and_back) {  // M-1
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(STARTUP_MODULE, nullptr, &id), 0) << khelp_failure_text();
  EXPECT_THAT(noted(), ElementsAre("start cpu", "load", "start pseudo first",
                                   "start pseudo first too", "start pseudo any", "begin 1: 40"));
  ASSERT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  EXPECT_THAT(noted(), ElementsAre("unload", "end 1: 42", "end pseudo any", "end pseudo first too",
                                   "end pseudo first", "end cpu"));
}

TEST(freebsd_startup, variables_of_a_module_are_in_every_instance_while_it_is_loaded) {
  khelp_vnet* older = khelp_vnet_alloc(nullptr);
  const auto name = [](const char* what, const khelp_vnet* v, int limit) {
    return std::string(what) + " " + std::to_string(v->vnet_serial) + ": " + std::to_string(limit);
  };
  for (int round = 0; round < 2; ++round) {
    std::int32_t id = 0;
    ASSERT_EQ(khelp_load(STARTUP_MODULE, nullptr, &id), 0) << khelp_failure_text();
    EXPECT_THAT(noted(), testing::IsSupersetOf({name("begin", older, 40)}));
    khelp_vnet* younger = khelp_vnet_alloc(nullptr);
    EXPECT_THAT(noted(), ElementsAre(name("begin", younger, 40)));
    ASSERT_EQ(khelp_vnet_destroy(younger), 0);
    EXPECT_THAT(noted(),
                ElementsAre("end " + std::to_string(older->vnet_serial + 1 + round) + ": 42"));
    ASSERT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0);
    EXPECT_THAT(noted(), testing::IsSupersetOf({name("end", older, 42)}));
  }
  EXPECT_EQ(khelp_vnet_destroy(older), 0);
  EXPECT_THAT(noted(), IsEmpty()) << "nothing of it is left";
}

TEST(freebsd_startup, a_module_whose_event_handler_refuses_is_undone) {
  EXPECT_EQ(khelp_load(FAILING_MODULE, nullptr, nullptr), ENXIO);
  EXPECT_THAT(noted(), ElementsAre("start cpu", "load", "unload", "end cpu"));
  khelp_vnet* v = khelp_vnet_alloc(nullptr);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_THAT(noted(), IsEmpty());
}

TEST(freebsd_startup, a_module_whose_start_function_throws_is_undone_as_far_as_it_came) {
  EXPECT_EQ(khelp_load(THROWING_MODULE, nullptr, nullptr), ECANCELED);
  EXPECT_THAT(khelp_failure_text(), HasSubstr("no start"));
  EXPECT_THAT(noted(),
              ElementsAre("start cpu", "load", "start pseudo first", "start pseudo first too",
                          "start pseudo any", "begin 1: 40", "unload", "end 1: 42",
                          "end pseudo any", "end pseudo first too", "end pseudo first", "end cpu"));
  khelp_vnet* v = khelp_vnet_alloc(nullptr);
  EXPECT_EQ(khelp_vnet_destroy(v), 0);
  EXPECT_THAT(noted(), IsEmpty());
}

TEST(freebsd_startup, no_module_is_loaded_while_an_instance_begins) {
  static int answer;
  static const khelp_sysinit loading = {
      KHELP_SI_SUB_VNET_DONE,
      0,
      KHELP_SYSINIT_INSTANCE_START,
      0,
      [](const void*) { answer = khelp_load(STARTUP_MODULE, nullptr, nullptr); },
      nullptr};
  ASSERT_EQ(khelp_vnet_register_sysinit(&loading), 0);
  EXPECT_EQ(answer, EDEADLK);
  EXPECT_EQ(khelp_vnet_deregister_sysinit(&loading), 0);
}

TEST(freebsd_startup, a_module_that_goes_inside_a_hook_ends_when_the_hook_has) {
  std::int32_t id = 0;
  ASSERT_EQ(khelp_load(STARTUP_MODULE, nullptr, &id), 0) << khelp_failure_text();
  noted();
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(KHELP_HHOOK_TYPE_APP + 77, 0, &head, 0), 0);
  khelp_hookinfo hook{};
  hook.hook_type = KHELP_HHOOK_TYPE_APP + 77;
  hook.hook_udata = &id;
  hook.hook_func = [](std::int32_t, std::int32_t, void* file, void*, void*, khelp_osd*) {
    EXPECT_EQ(khelp_unload(*static_cast<std::int32_t*>(file), KHELP_UNLOAD_REFUSE, 0), 0);
    return 0;
  };
  ASSERT_EQ(khelp_hhook_add_hook(head, &hook, 0), 0);
  khelp_hhook_run_hooks(head, nullptr, nullptr);
  EXPECT_THAT(noted(), IsEmpty());
  EXPECT_EQ(khelp_hhook_head_deregister(head), 0);
  khelp_reap();
  EXPECT_THAT(noted(), ElementsAre("unload", "end 1: 42", "end pseudo any", "end pseudo first too",
                                   "end pseudo first", "end cpu"));
}

TEST(freebsd_startup, a_module_comes_and_goes_while_instances_do) {
  std::atomic<bool> stop{false};
  std::latch started(3);
  std::vector<std::thread> creators;
  for (int i = 0; i < 2; ++i)
    creators.emplace_back([&] {
      started.arrive_and_wait();
      while (!stop) {
        khelp_vnet* v = khelp_vnet_alloc(nullptr);
        ASSERT_NE(v, nullptr) << khelp_failure_text();
        ASSERT_EQ(khelp_vnet_destroy(v), 0);
      }
    });
  started.arrive_and_wait();
  for (int i = 0; i < 30; ++i) {
    std::int32_t id = 0;
    ASSERT_EQ(khelp_load(STARTUP_MODULE, nullptr, &id), 0) << khelp_failure_text();
    ASSERT_EQ(khelp_unload(id, KHELP_UNLOAD_REFUSE, 0), 0) << khelp_failure_text();
  }
  stop = true;
  for (auto& t : creators)
    t.join();
  // Whatever began with the module there has ended with it, or without it.
  std::size_t begun = 0;
  std::size_t ended = 0;
  for (const std::string& line : noted()) {
    begun += line.starts_with("begin ");
    ended += line.starts_with("end ") && line.find(": ") != std::string::npos;
    EXPECT_THAT(line, testing::Not(HasSubstr("not begun")));
  }
  EXPECT_EQ(begun, ended);
  EXPECT_GE(begun, 30u);
}
