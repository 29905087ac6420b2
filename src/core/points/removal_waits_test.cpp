// "Removal means gone": whoever removes, unloads or ends waits for every run that is inside the
// hook, whoever made it unreachable for new runs.
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <thread>

#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/khelp.hpp>
#include <khelp/stats.h>

namespace {

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 0x400000;
  return ++next;
}

// The one hook of these tests: does `first`, then stays until it may leave.
struct visit {
  std::latch inside{1};
  std::latch may_leave{1};
  std::atomic<bool> left{false};
  void (*first)() = [] {};
};
visit* now;
bool left_at_mod_destroy;
int destroyed;
khelp_hookinfo the_hook;
khelp_hhook_head* the_point;

int stay(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  now->first();
  now->inside.count_down();
  now->may_leave.wait();
  now->left = true;
  return 0;
}

void remove_itself() {
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&the_hook), 0);
}
void end_its_point() {
  EXPECT_EQ(khelp_hhook_head_deregister(the_point), 0);
  the_point = nullptr;
}

class removal : public testing::Test {
 protected:
  removal() {
    now = &visit_;
    destroyed = 0;
    left_at_mod_destroy = false;
    const std::int32_t type = fresh_type();
    EXPECT_EQ(khelp_hhook_head_register(type, 0, &the_point, 0), 0);
    the_hook = khelp_hookinfo{};
    the_hook.hook_func = stay;
    the_hook.hook_type = type;
    hook_.size = sizeof hook_;
    hook_.hook = the_hook;
    helper_.size = sizeof helper_;
    helper_.name = "visitor";
    helper_.version = 1;
    helper_.hooks = &hook_;
    helper_.nhooks = 1;
    helper_.mod_destroy = [] {
      left_at_mod_destroy = now->left;
      ++destroyed;
      return 0;
    };
  }
  ~removal() override {
    khelp_reap();
    khelp_hhook_remove_hook_lookup(&the_hook);
    if (the_point != nullptr) {
      EXPECT_EQ(khelp_hhook_head_deregister(the_point), 0);
    }
  }

  void load() { ASSERT_EQ(khelp_helper_register(&helper_, &id_), 0) << khelp_failure_text(); }
  void start() {
    runner_ = std::thread([point = the_point] { khelp_hhook_run_hooks(point, nullptr, nullptr); });
    visit_.inside.wait();
  }
  // The hook may leave when the caller of `what` is about to wait, or has failed to.
  template <class Fn>
  void while_the_hook_is_left_soon(Fn what) {
    std::thread later([this] {
      for (int i = 0; i < 2000; ++i)
        std::this_thread::yield();
      visit_.may_leave.count_down();
    });
    what();
    EXPECT_TRUE(visit_.left) << "it returned while the hook ran";
    later.join();
    runner_.join();
  }

  visit visit_;
  khelp_hookinfo_x hook_{};
  khelp_helper_x helper_{};
  std::int32_t id_ = 0;
  std::thread runner_;
};

TEST_F(removal, unloading_waits_for_a_hook_that_removed_itself) {
  load();
  visit_.first = remove_itself;
  start();
  while_the_hook_is_left_soon(
      [this] { EXPECT_EQ(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), 0); });
  EXPECT_TRUE(left_at_mod_destroy);
}

TEST_F(removal, unloading_waits_for_a_hook_that_ended_its_point) {
  load();
  visit_.first = end_its_point;
  start();
  while_the_hook_is_left_soon(
      [this] { EXPECT_EQ(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), 0); });
  EXPECT_TRUE(left_at_mod_destroy);
}

TEST_F(removal, unloading_waits_for_a_hook_of_a_point_that_another_thread_is_ending) {
  load();
  start();
  std::thread ender([point = the_point] { EXPECT_EQ(khelp_hhook_head_deregister(point), 0); });
  while (khelp_hhooks_enabled(the_point))
    std::this_thread::yield();
  while_the_hook_is_left_soon(
      [this] { EXPECT_EQ(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), 0); });
  EXPECT_TRUE(left_at_mod_destroy);
  ender.join();
  the_point = nullptr;
}

TEST_F(removal, an_unload_from_inside_a_hook_ends_the_helper_when_its_removed_hook_has_left) {
  load();
  visit_.first = remove_itself;
  start();
  khelp_hhook_head* other = nullptr;
  const std::int32_t type = fresh_type();
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &other, 0), 0);
  khelp_hookinfo unloader{};
  unloader.hook_func = [](std::int32_t, std::int32_t, void* id, void*, void*, khelp_osd*) {
    EXPECT_EQ(khelp_helper_unregister(*static_cast<std::int32_t*>(id), KHELP_UNLOAD_REFUSE, 0), 0);
    return 0;
  };
  unloader.hook_udata = &id_;
  unloader.hook_type = type;
  ASSERT_EQ(khelp_hhook_add_hook(other, &unloader, 0), 0);
  khelp_hhook_run_hooks(other, nullptr, nullptr);
  khelp_reap();
  EXPECT_EQ(destroyed, 0) << "its hook is still being run";
  visit_.may_leave.count_down();
  runner_.join();
  khelp_reap();
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(khelp_hhook_head_deregister(other), 0);
}

TEST_F(removal, removing_waits_for_a_hook_that_removed_itself) {
  ASSERT_EQ(khelp_hhook_add_hook(the_point, &the_hook, 0), 0);
  visit_.first = remove_itself;
  start();
  while_the_hook_is_left_soon([] {
    EXPECT_EQ(khelp_hhook_remove_hook(the_point, &the_hook), 0);
    EXPECT_TRUE(now->left);
  });
}

TEST_F(removal, removing_waits_although_another_thread_ends_the_point) {
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&the_hook, 0), 0);
  start();
  std::thread ender([point = the_point] { EXPECT_EQ(khelp_hhook_head_deregister(point), 0); });
  while (khelp_hhooks_enabled(the_point))
    std::this_thread::yield();
  while_the_hook_is_left_soon([] {
    std::uint32_t removed = 0;
    EXPECT_EQ(khelp_hhook_remove_hook_x(&the_hook, &removed), 0);
    EXPECT_EQ(removed, 1u);
  });
  ender.join();
  the_point = nullptr;
}

TEST_F(removal, the_second_of_two_who_remove_waits_as_well) {
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&the_hook, 0), 0);
  start();
  std::thread first([] { EXPECT_EQ(khelp_hhook_remove_hook_lookup(&the_hook), 0); });
  while (khelp_hhooks_enabled(the_point))
    std::this_thread::yield();
  while_the_hook_is_left_soon([] {
    std::uint32_t removed = 1;
    EXPECT_EQ(khelp_hhook_remove_hook_x(&the_hook, &removed), ENOENT);
    EXPECT_EQ(removed, 0u);
  });
  first.join();
}

TEST_F(removal, a_point_that_a_look_up_runs_is_waited_for_and_not_busy) {
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&the_hook, 0), 0);
  runner_ = std::thread(
      [type = the_hook.hook_type] { khelp_hhook_run_hooks_lookup(type, 0, nullptr, nullptr); });
  visit_.inside.wait();
  while_the_hook_is_left_soon([] { EXPECT_EQ(khelp_hhook_head_deregister(the_point), 0); });
  the_point = nullptr;
}

std::uint64_t calls_of_visitor() {
  std::uint64_t calls = 0;
  EXPECT_EQ(khelp_stats_helpers(
                [](void* into, const khelp_helper_stat* stat) {
                  if (std::string_view(stat->name) == "visitor")
                    *static_cast<std::uint64_t*>(into) = stat->calls;
                },
                &calls),
            0);
  return calls;
}

TEST_F(removal, calls_of_a_removed_hook_stay_in_its_helpers_sum) {
  load();
  visit_.first = remove_itself;
  start();
  EXPECT_EQ(calls_of_visitor(), 1u) << "while its last run goes on";
  visit_.may_leave.count_down();
  runner_.join();
  EXPECT_EQ(calls_of_visitor(), 1u) << "before anything was cleared away";
  khelp_reap();
  EXPECT_EQ(calls_of_visitor(), 1u) << "and after";
  EXPECT_EQ(khelp_helper_unregister(id_, KHELP_UNLOAD_REFUSE, 0), 0);
}

struct nothing {
  int number;
};

}  // namespace

KHELP_EVENT(nothing, number);

TEST(removal_death, a_typed_point_does_not_end_while_a_reference_to_it_is_held) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_DEATH(
      {
        khelp::hook_point<nothing> point("test.ends too early");
        (void)point.open();
        khelp_hhook_head_get(point.head().hhh_type, point.head().hhh_id);
      },
      "hook point 'test.ends too early'.*reference");
}
