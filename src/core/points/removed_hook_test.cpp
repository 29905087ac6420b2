// A hook that an earlier hook of the same run takes off its point.
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/stats.h>

#include "sync/word.hpp"

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP;

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 0x300000;
  return ++next;
}

// What ran, in order.
std::string ran;

// A hook: a letter, what it does, what it answers.
struct letter {
  char name;
  std::function<void()> does = [] {};
  int answer = 0;
};
int say(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto& l = *static_cast<letter*>(udata);
  ran += l.name;
  const int answer = l.answer;
  l.does();
  return answer;
}

class removed_hook : public testing::TestWithParam<std::uint32_t> {
 protected:
  removed_hook() {
    ran.clear();
    EXPECT_EQ(khelp_hhook_head_register(type, 0, &point, GetParam()), 0);
  }
  ~removed_hook() override {
    if (point != nullptr) {
      EXPECT_EQ(khelp_hhook_head_deregister(point), 0);
    }
  }
  khelp_hookinfo info(letter& l) const {
    khelp_hookinfo hook{};
    hook.hook_func = say;
    hook.hook_udata = &l;
    hook.hook_type = type;
    return hook;
  }
  void add(letter& l) {
    khelp_hookinfo hook = info(l);
    EXPECT_EQ(khelp_hhook_add_hook(point, &hook, 0), 0) << khelp_failure_text();
  }
  void remove(letter& l) {
    khelp_hookinfo hook = info(l);
    std::uint32_t removed = 0;
    EXPECT_EQ(khelp_hhook_remove_hook_x(&hook, &removed), 0) << khelp_failure_text();
    EXPECT_EQ(removed, 1u);
  }
  int decide(khelp_osd* osd = nullptr) {
    ran.clear();
    return khelp_hhook_run_hooks_result(point, nullptr, osd);
  }
  std::string run() {
    ran.clear();
    khelp_hhook_run_hooks(point, nullptr, nullptr);
    return ran;
  }

  const std::int32_t type = fresh_type();
  khelp_hhook_head* point = nullptr;
};

// Whatever hook is the first: with per-object data, runs look at slots.
struct with_data {
  explicit with_data(std::int32_t type) {
    hook.size = sizeof hook;
    hook.hook.hook_type = type;
    hook.hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
      ran += 'd';
      return 0;
    };
    x.size = sizeof x;
    x.name = "with data";
    x.version = 1;
    x.classes = test_class;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = 8;
    x.hooks = &hook;
    x.nhooks = 1;
  }
  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
};

}  // namespace

TEST_P(removed_hook, conformance_8_is_not_called_any_more_and_its_argument_is_not_looked_at) {
  auto b = std::make_unique<letter>(letter{'b', [] {}, 9});
  letter c{'c'};
  letter a{'a', [&] {
             if (b == nullptr)
               return;
             remove(*b);
             b.reset();
           }};
  add(a);
  add(*b);
  add(c);
  EXPECT_EQ(decide(), 0) << "a hook that is gone has no result";
  EXPECT_EQ(ran, "ac");
  EXPECT_EQ(run(), "ac");
}

TEST_P(removed_hook, is_not_called_any_more_where_others_have_data) {
  with_data d(type);
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&d.x, &id), 0) << khelp_failure_text();
  khelp_osd object = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(test_class, &object), 0);
  letter b{'b', [] {}, 9};
  letter a{'a', [&] { remove(b); }};
  letter c{'c'};
  add(a);
  add(b);
  add(c);
  EXPECT_EQ(decide(&object), 0);
  EXPECT_EQ(ran, "acd");
  EXPECT_EQ(khelp_destroy_osd(&object), 0);
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST_P(removed_hook, is_not_called_by_an_outer_run_either_which_may_use_an_older_array) {
  letter b{'b'};
  letter c{'c'};
  letter late{'l'};
  int depth = 0;
  letter a{'a', [&] {
             if (++depth > 2)
               return;
             // The outer run's array has b, that of the inner one has the latecomer beside it.
             if (depth == 1) {
               add(late);
               khelp_hhook_run_hooks(point, nullptr, nullptr);
             } else {
               remove(b);
             }
           }};
  add(a);
  add(b);
  add(c);
  EXPECT_EQ(run(), "aaclc");
}

TEST_P(removed_hook, that_is_added_again_waits_for_the_next_run) {
  letter b{'b'};
  letter a{'a', [&] {
             remove(b);
             add(b);
           }};
  add(a);
  add(b);
  EXPECT_EQ(run(), "a");
  a.does = [] {};
  EXPECT_EQ(run(), "ab");
}

TEST_P(removed_hook, may_have_been_the_only_one_that_the_run_began_with) {
  letter a{'a', [&] {
             remove(a);
             khelp_hhook_run_hooks(point, nullptr, nullptr);
           }};
  add(a);
  EXPECT_EQ(run(), "a");
  EXPECT_EQ(run(), "");
}

TEST_P(removed_hook, is_not_called_while_time_is_taken) {
  letter b{'b'};
  letter a{'a', [&] { remove(b); }};
  ASSERT_EQ(khelp_stats_timing(1), 0);
  add(a);
  add(b);
  EXPECT_EQ(run(), "a");
  ASSERT_EQ(khelp_stats_timing(0), 0);
}

TEST_P(removed_hook, goes_also_with_a_point_that_ends_in_the_run) {
  letter b{'b', [] {}, 9};
  letter a{'a', [&] {
             EXPECT_EQ(khelp_hhook_head_deregister(point), 0);
             point = nullptr;
           }};
  add(a);
  add(b);
  khelp_hhook_head* const ending = point;
  EXPECT_EQ(khelp_hhook_run_hooks_result(ending, nullptr, nullptr), 0);
  EXPECT_EQ(ran, "a");
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_P(removed_hook, goes_also_with_its_helper_and_is_not_counted_as_called) {
  static letter b{'b', [] {}, 9};
  khelp_hookinfo_x hook{};
  hook.size = sizeof hook;
  hook.hook = info(b);
  khelp_helper_x x{};
  x.size = sizeof x;
  x.name = "goes";
  x.version = 1;
  x.hooks = &hook;
  x.nhooks = 1;
  x.flags = 0;
  std::int32_t id = 0;
  letter a{'a', [&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0), 0); }};
  khelp_hookinfo_x first{};
  first.size = sizeof first;
  first.hook = info(a);
  first.priority = -1;
  ASSERT_EQ(khelp_hhook_add_hook_x(&first, 0), 0);
  ASSERT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  EXPECT_EQ(decide(), 0);
  EXPECT_EQ(ran, "a");
  std::uint64_t calls = 0;
  EXPECT_EQ(khelp_stats_helpers(
                [](void* into, const khelp_helper_stat* stat) {
                  if (std::string_view(stat->name) == "goes")
                    *static_cast<std::uint64_t*>(into) += stat->calls;
                },
                &calls),
            0);
  EXPECT_EQ(calls, 0u);
  khelp_reap();
  remove(a);
}

TEST_P(removed_hook, is_still_met_by_a_run_that_whoever_removes_it_waits_for) {
  std::latch inside(1);
  std::latch go_on(1);
  letter a{'a', [&] {
             inside.count_down();
             go_on.wait();
           }};
  letter b{'b', [] {}, 9};
  add(a);
  add(b);
  int answer = 0;
  std::thread runner([&] { answer = decide(); });
  inside.wait();
  std::thread remover([&] {
    remove(b);
    EXPECT_EQ(ran, "ab") << "a run sees a hook or what took its place, never neither";
  });
  while (khelp::load_relaxed(point->hhh_nhooks) == 2)
    std::this_thread::yield();
  go_on.count_down();
  runner.join();
  remover.join();
  EXPECT_EQ(answer, GetParam() == KHELP_HHOOK_RESULT_IGNORE ? 0 : 9);
}

TEST_P(removed_hook,
       may_be_inside_on_another_thread_and_the_same_removal_from_outside_waits_for_it) {
  std::latch inside(1);
  std::latch go_on(1);
  std::atomic<bool> left = false;
  letter b{'b', [&] {
             inside.count_down();
             go_on.wait();
             left = true;
           }};
  letter a{'a'};
  add(a);
  add(b);
  std::thread runner([&] { khelp_hhook_run_hooks(point, nullptr, nullptr); });
  inside.wait();
  a.does = [&] { remove(b); };
  EXPECT_EQ(run(), "a");
  EXPECT_FALSE(left);
  std::thread later([&] {
    for (int i = 0; i < 2000; ++i)
      std::this_thread::yield();
    go_on.count_down();
  });
  khelp_hookinfo again = info(b);
  EXPECT_EQ(khelp_hhook_remove_hook(point, &again), 0);
  EXPECT_TRUE(left) << "its argument is free now";
  later.join();
  runner.join();
}

INSTANTIATE_TEST_SUITE_P(rules, removed_hook,
                         testing::Values(KHELP_HHOOK_RESULT_IGNORE, KHELP_HHOOK_RESULT_FIRST,
                                         KHELP_HHOOK_RESULT_STRICTEST),
                         [](const auto& rule) {
                           return rule.param == KHELP_HHOOK_RESULT_IGNORE  ? "ignore"
                                  : rule.param == KHELP_HHOOK_RESULT_FIRST ? "first"
                                                                           : "strictest";
                         });
