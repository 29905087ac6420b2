// Every wait for runs has an end and a name: a hook that never returns keeps nobody for longer than he
// said, and is named; what was asked for has happened wholly, or not at all.
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <string>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/stats.h>

#include "sync/word.hpp"

namespace {

constexpr std::int64_t short_while = 2'000'000;  // ns

std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP + 0x600000;
  return ++next;
}

// A thread in a hook that stays as long as it is told.
struct stay {
  std::latch inside{1};
  std::latch may_leave{1};
};

int staying_hook(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  if (auto* s = static_cast<stay*>(ctx)) {
    s->inside.count_down();
    s->may_leave.wait();
  }
  return 0;
}

int quick_hook(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

khelp_hhook_head* make_point(std::int32_t type, std::uint32_t recursion = 0) {
  khelp_hhook_head_x x{};
  x.size = sizeof x;
  x.name = "the point";
  x.recursion_limit = recursion;
  khelp_hhook_head* head = nullptr;
  EXPECT_EQ(khelp_hhook_head_register_x(type, 0, nullptr, &head, &x), 0) << khelp_failure_text();
  return head;
}

// A helper with one hook, and data on objects of a class of its own.
struct declared {
  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
  std::int32_t id = 0;
  static inline std::atomic<int> destroyed{0};

  declared(const char* name, std::int32_t type, khelp_hhook_func_t fn, std::uint32_t classes = 0) {
    hook.size = sizeof hook;
    hook.hook.hook_func = fn;
    hook.hook.hook_type = type;
    x.size = sizeof x;
    x.version = 1;
    x.name = name;
    x.hooks = &hook;
    x.nhooks = 1;
    if (classes != 0) {
      x.classes = classes;
      x.flags = KHELP_HELPER_NEEDS_OSD;
      x.data_size = 8;
    }
    x.mod_destroy = [] {
      ++destroyed;
      return 0;
    };
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  }
  int unload(int how, std::int64_t timeout_ns) const {
    return khelp_helper_unregister(id, how, timeout_ns);
  }
};

std::uint32_t hooks_on(const khelp_hhook_head* point) {
  return khelp::load_relaxed(point->hhh_nhooks);
}

std::string words() {
  return khelp_failure_text();
}

class wait_ends : public testing::Test {
 protected:
  wait_ends() { declared::destroyed = 0; }
  ~wait_ends() override {
    leave();
    khelp_reap();
    EXPECT_EQ(khelp_hhook_head_deregister(point_), 0);
  }
  void enter() {
    runner_ = std::thread([this] {
      number_ = static_cast<int>(syscall(SYS_gettid));
      pthread_setname_np(pthread_self(), "stayer");
      khelp_hhook_run_hooks(point_, &stay_, nullptr);
    });
    stay_.inside.wait();
  }
  void leave() {
    if (!runner_.joinable())
      return;
    stay_.may_leave.count_down();
    runner_.join();
  }
  // Thread, point and helper, and since when.
  void expect_the_name(const std::string& helper) const {
    EXPECT_NE(words().find("thread " + std::to_string(number_) + " 'stayer'"), std::string::npos)
        << words();
    EXPECT_NE(words().find("'the point'"), std::string::npos) << words();
    EXPECT_NE(words().find("'" + helper + "'"), std::string::npos) << words();
    EXPECT_NE(words().find(" s at least"), std::string::npos) << words();
  }

  const std::int32_t type_ = fresh_type();
  khelp_hhook_head* const point_ = make_point(type_);
  stay stay_;
  int number_ = 0;
  std::thread runner_;
};

TEST_F(wait_ends, a_refusing_unload_gives_up_names_the_run_and_leaves_the_helper_as_it_was) {
  const declared d("stays", type_, staying_hook);
  enter();
  for (const int how : {KHELP_UNLOAD_REFUSE, KHELP_UNLOAD_WAIT}) {
    EXPECT_EQ(d.unload(how, short_while), ETIMEDOUT) << how;
    expect_the_name("stays");
    EXPECT_EQ(hooks_on(point_), 1u) << "its hook is on";
    EXPECT_EQ(khelp_get_id("stays"), d.id);
  }
  leave();
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_DEFAULT), 0) << words();
  EXPECT_EQ(declared::destroyed, 1);
}

TEST_F(wait_ends, an_unload_that_gives_up_because_of_anothers_hook_goes_on_giving_objects_data) {
  constexpr std::uint32_t its_class = 0x10000000;
  const declared stays("stays", type_, staying_hook);
  const declared d("data", type_, quick_hook, its_class);
  enter();
  for (const int how : {KHELP_UNLOAD_REFUSE, KHELP_UNLOAD_WAIT}) {
    EXPECT_EQ(d.unload(how, short_while), ETIMEDOUT) << how;
    expect_the_name("stays");
    EXPECT_EQ(hooks_on(point_), 2u);
    khelp_osd object = KHELP_OSD_INITIALIZER;
    ASSERT_EQ(khelp_init_osd(its_class, &object), 0);
    EXPECT_NE(khelp_get_osd(&object, d.id), nullptr);
    khelp_destroy_osd(&object);
  }
  // While one that refuses waits, an object gets data as well; then it is the holder.
  std::atomic<int> answer{-1};
  std::thread unloader([&] { answer = d.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE); });
  while (hooks_on(point_) == 2)
    std::this_thread::yield();
  khelp_osd object = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(its_class, &object), 0);
  EXPECT_NE(khelp_get_osd(&object, d.id), nullptr);
  leave();
  unloader.join();
  EXPECT_EQ(answer, EBUSY);
  EXPECT_EQ(hooks_on(point_), 2u);
  khelp_destroy_osd(&object);
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
  EXPECT_EQ(stays.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
}

TEST_F(wait_ends, what_a_hook_counted_and_its_suspension_survive_a_refused_unload) {
  const declared d("stays", type_, staying_hook);
  khelp_hhook_run_hooks(point_, nullptr, nullptr);
  enter();
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, short_while), ETIMEDOUT);
  leave();
  khelp_hhook_run_hooks(point_, nullptr, nullptr);
  std::uint64_t calls = 0;
  EXPECT_EQ(khelp_stats_hooks(
                [](void* into, const khelp_hook_stat* stat) {
                  if (std::string(stat->helper) == "stays")
                    *static_cast<std::uint64_t*>(into) += stat->calls;
                },
                &calls),
            0);
  EXPECT_EQ(calls, 3u);
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
}

TEST_F(wait_ends, a_point_that_comes_while_an_unload_waits_has_the_hook_afterwards) {
  const std::int32_t late_type = fresh_type();
  khelp_hookinfo_x hooks[2]{};
  for (khelp_hookinfo_x& hook : hooks) {
    hook.size = sizeof hook;
    hook.hook.hook_func = staying_hook;
  }
  hooks[0].hook.hook_type = type_;
  hooks[1].hook.hook_type = late_type;
  khelp_helper_x x{};
  x.size = sizeof x;
  x.version = 1;
  x.name = "stays";
  x.hooks = hooks;
  x.nhooks = 2;
  std::int32_t id = 0;
  ASSERT_EQ(khelp_helper_register(&x, &id), 0);
  enter();
  std::thread unloader(
      [&] { EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, 50'000'000), ETIMEDOUT); });
  // Before, meanwhile or afterwards: it makes no difference.
  khelp_hhook_head* late = make_point(late_type);
  unloader.join();
  EXPECT_EQ(hooks_on(point_), 1u);
  EXPECT_EQ(hooks_on(late), 1u);
  leave();
  EXPECT_EQ(khelp_helper_unregister(id, KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(late), 0);
}

TEST_F(wait_ends, a_hook_that_is_removed_while_an_unload_waits_does_not_come_back) {
  const declared d("stays", type_, staying_hook);
  enter();
  std::thread unloader(
      [&] { EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, 50'000'000), ETIMEDOUT) << words(); });
  // Before, meanwhile or afterwards: it makes no difference.
  khelp_hookinfo hook = d.hook.hook;
  EXPECT_EQ(khelp_hhook_remove_hook_timed(point_, &hook, short_while, nullptr), ETIMEDOUT);
  unloader.join();
  EXPECT_EQ(hooks_on(point_), 0u);
  leave();
  EXPECT_EQ(khelp_hhook_remove_hook_timed(point_, &hook, KHELP_TIMEOUT_NONE, nullptr), ENOENT);
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
}

TEST_F(wait_ends, a_revoke_gives_up_and_the_helper_is_collected_when_the_run_has_left) {
  const declared d("stays", type_, staying_hook);
  enter();
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REVOKE, short_while), ETIMEDOUT);
  expect_the_name("stays");
  EXPECT_EQ(hooks_on(point_), 0u) << "no new run calls it";
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REVOKE, short_while), EALREADY);
  EXPECT_GT(khelp_reap(), 0);
  EXPECT_EQ(declared::destroyed, 0) << "a thread is inside its hook";
  {
    // Its name is free meanwhile.
    const declared again("stays", type_, quick_hook);
    EXPECT_EQ(again.unload(KHELP_UNLOAD_REFUSE, 0), 0);
  }
  leave();
  khelp_reap();
  EXPECT_EQ(declared::destroyed, 2);
}

TEST_F(wait_ends, a_revoke_waits_as_long_for_runs_on_an_object_that_holds_its_data) {
  declared d("data", fresh_type(), quick_hook, 0x20000000);
  const declared other("stays", type_, staying_hook);
  khelp_osd object = KHELP_OSD_INITIALIZER;
  ASSERT_EQ(khelp_init_osd(0x20000000, &object), 0);
  std::thread runner([&] { khelp_hhook_run_hooks(point_, &stay_, &object); });
  stay_.inside.wait();
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REVOKE, short_while), ETIMEDOUT);
  EXPECT_NE(words().find("'the point'"), std::string::npos) << words();
  EXPECT_EQ(declared::destroyed, 0);
  stay_.may_leave.count_down();
  runner.join();
  khelp_reap();
  EXPECT_EQ(declared::destroyed, 1);
  khelp_destroy_osd(&object);
  EXPECT_EQ(other.unload(KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST_F(wait_ends, unloading_others_at_the_point_of_a_hook_that_never_returns_does_not_wait_for_it) {
  const declared stays("stays", type_, staying_hook);
  enter();
  // It was never in the array that the run uses.
  const declared later("later", type_, quick_hook);
  EXPECT_EQ(later.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
  khelp_hookinfo hook{};
  hook.hook_func = quick_hook;
  hook.hook_type = type_;
  ASSERT_EQ(khelp_hhook_add_hook(point_, &hook, 0), 0);
  EXPECT_EQ(khelp_hhook_remove_hook(point_, &hook), 0);
  leave();
  EXPECT_EQ(stays.unload(KHELP_UNLOAD_REFUSE, KHELP_TIMEOUT_NONE), 0);
}

TEST_F(wait_ends, a_removal_with_a_limit_takes_the_hook_off_and_can_be_asked_again) {
  khelp_hookinfo hook{};
  hook.hook_func = staying_hook;
  hook.hook_type = type_;
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0);
  enter();
  std::uint32_t removed = 1;
  EXPECT_EQ(khelp_hhook_remove_hook_timed(nullptr, &hook, short_while, &removed), ETIMEDOUT);
  EXPECT_NE(words().find("'stayer'"), std::string::npos) << words();
  EXPECT_EQ(hooks_on(point_), 0u);
  EXPECT_EQ(khelp_hhook_remove_hook_timed(point_, &hook, short_while, &removed), ETIMEDOUT)
      << "the run is inside still";
  leave();
  EXPECT_EQ(khelp_hhook_remove_hook_timed(nullptr, &hook, KHELP_TIMEOUT_NONE, &removed), ENOENT);
}

TEST_F(wait_ends, synchronizing_with_a_limit_names_the_run) {
  const declared d("stays", type_, staying_hook);
  enter();
  EXPECT_EQ(khelp_hhook_synchronize_timed(point_, short_while), ETIMEDOUT);
  expect_the_name("stays");
  EXPECT_EQ(khelp_hhook_synchronize_timed(nullptr, short_while), ETIMEDOUT);
  leave();
  EXPECT_EQ(khelp_hhook_synchronize_timed(point_, KHELP_TIMEOUT_DEFAULT), 0);
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST_F(wait_ends, deregistering_with_a_limit_says_when_the_callers_storage_is_free) {
  static khelp_hhook_head storage;
  storage = {};
  const std::int32_t type = fresh_type();
  ASSERT_EQ(khelp_hhook_head_register_x(type, 0, &storage, nullptr, nullptr), 0);
  const declared d("stays", type, staying_hook);
  std::thread runner([this] { khelp_hhook_run_hooks(&storage, &stay_, nullptr); });
  stay_.inside.wait();
  EXPECT_EQ(khelp_hhook_head_deregister_timed(&storage, short_while), ETIMEDOUT);
  EXPECT_NE(words().find("'stays'"), std::string::npos) << words();
  EXPECT_EQ(khelp_hhook_head_deregister_timed(&storage, short_while), ETIMEDOUT);
  stay_.may_leave.count_down();
  runner.join();
  EXPECT_EQ(khelp_hhook_head_deregister_timed(&storage, KHELP_TIMEOUT_NONE), 0);
  EXPECT_EQ(khelp_hhook_head_deregister_timed(&storage, KHELP_TIMEOUT_NONE), ENOENT);
  EXPECT_EQ(d.unload(KHELP_UNLOAD_REFUSE, 0), 0);
}

// ---- runs that find no room in their thread's record ----

// Runs `point` so often inside itself that further runs are deep; then calls `then`.
struct nest {
  khelp_hhook_head* point;
  void (*then)(void* arg);
  void* arg;
  int depth = 0;
};

int nesting_hook(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  auto& n = *static_cast<nest*>(ctx);
  if (++n.depth < 18)
    khelp_hhook_run_hooks(n.point, &n, nullptr);
  else
    n.then(n.arg);
  --n.depth;
  return 0;
}

class deep_runs : public testing::Test {
 protected:
  deep_runs() {
    khelp_hookinfo hook{};
    hook.hook_func = nesting_hook;
    hook.hook_type = type_;
    EXPECT_EQ(khelp_hhook_add_hook(outer_, &hook, 0), 0);
    khelp_hookinfo inner{};
    inner.hook_func = staying_hook;
    inner.hook_type = inner_type_;
    hook_ = inner;
    EXPECT_EQ(khelp_hhook_add_hook(inner_, &hook_, 0), 0);
  }
  ~deep_runs() override {
    EXPECT_EQ(khelp_hhook_head_deregister(inner_), 0);
    EXPECT_EQ(khelp_hhook_head_deregister(outer_), 0);
  }
  // On a thread of its own, deep inside.
  std::thread deep(void (*then)(void* arg), void* arg) {
    return std::thread([this, then, arg] {
      nest n{outer_, then, arg};
      khelp_hhook_run_hooks(outer_, &n, nullptr);
    });
  }

  const std::int32_t type_ = fresh_type();
  const std::int32_t inner_type_ = fresh_type();
  khelp_hhook_head* const outer_ = make_point(type_, 40);
  khelp_hhook_head* const inner_ = make_point(inner_type_);
  khelp_hookinfo hook_{};
};

struct inner_run {
  khelp_hhook_head* point;
  stay s;
  static void go(void* arg) {
    auto& run = *static_cast<inner_run*>(arg);
    khelp_hhook_run_hooks(run.point, &run.s, nullptr);
  }
};

TEST_F(deep_runs, every_kind_of_wait_is_for_them_as_well) {
  inner_run run{inner_, {}};
  std::thread runner = deep(inner_run::go, &run);
  run.s.inside.wait();
  EXPECT_EQ(khelp_hhook_synchronize_timed(inner_, short_while), ETIMEDOUT);
  EXPECT_EQ(khelp_hhook_synchronize_timed(nullptr, short_while), ETIMEDOUT);
  EXPECT_EQ(khelp_hhook_remove_hook_timed(inner_, &hook_, short_while, nullptr), ETIMEDOUT);
  EXPECT_NE(words().find("not recorded"), std::string::npos) << words();
  khelp_reap();  // must not free what the run uses
  EXPECT_EQ(khelp_hhook_remove_hook_timed(inner_, &hook_, short_while, nullptr), ETIMEDOUT);
  run.s.may_leave.count_down();
  runner.join();
  EXPECT_EQ(khelp_hhook_remove_hook_timed(inner_, &hook_, KHELP_TIMEOUT_NONE, nullptr), ENOENT);
}

TEST_F(deep_runs, a_removal_is_not_kept_waiting_by_those_that_begin_later) {
  // Two threads whose short runs overlap: at no moment is nobody inside.
  struct relay {
    khelp_hhook_head* point;
    std::atomic<unsigned> entered{0};
    std::atomic<bool> stop{false};
  } r{inner_, {}, {}};
  const auto pass_on = [](std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
    if (ctx == nullptr)
      return 0;
    auto& in = *static_cast<relay*>(ctx);
    const unsigned mine = ++in.entered;
    while (in.entered == mine && !in.stop)
      std::this_thread::yield();
    return 0;
  };
  khelp_hookinfo hook{};
  hook.hook_func = pass_on;
  hook.hook_type = inner_type_;
  ASSERT_EQ(khelp_hhook_add_hook(inner_, &hook, 0), 0);
  const auto run_on = [](void* arg) {
    auto& in = *static_cast<relay*>(arg);
    // The staying hook takes the run's context for its own: it is off first.
    while (!in.stop)
      khelp_hhook_run_hooks(in.point, &in, nullptr);
  };
  ASSERT_EQ(khelp_hhook_remove_hook(inner_, &hook_), 0);
  khelp_hookinfo victim{};
  victim.hook_func = quick_hook;
  victim.hook_type = inner_type_;
  ASSERT_EQ(khelp_hhook_add_hook(inner_, &victim, 0), 0);
  std::thread one = deep(run_on, &r);
  std::thread two = deep(run_on, &r);
  while (r.entered < 10)
    std::this_thread::yield();
  EXPECT_EQ(khelp_hhook_remove_hook_timed(inner_, &victim, KHELP_TIMEOUT_DEFAULT, nullptr), 0)
      << words();
  r.stop = true;
  one.join();
  two.join();
}

TEST_F(deep_runs, a_child_that_is_forked_inside_one_does_not_wait_for_those_of_other_threads) {
  inner_run run{inner_, {}};
  std::thread other = deep(inner_run::go, &run);
  run.s.inside.wait();
  struct forking {
    int status = -1;
    bool in_child = false;
  } f;
  nest n{outer_,
         [](void* arg) {
           auto& in = *static_cast<forking*>(arg);
           const pid_t child = fork();
           if (child == 0)
             in.in_child = true;
           else
             waitpid(child, &in.status, 0);
         },
         &f};
  khelp_hhook_run_hooks(outer_, &n, nullptr);
  if (f.in_child) {
    const bool inner = khelp_hhook_synchronize_timed(inner_, 2'000'000'000) == 0;
    const bool outer = khelp_hhook_synchronize_timed(outer_, 2'000'000'000) == 0;
    const bool all = khelp_hhook_synchronize_timed(nullptr, 2'000'000'000) == 0;
    _exit((inner ? 0 : 1) | (outer ? 0 : 2) | (all ? 0 : 4));
  }
  EXPECT_TRUE(WIFEXITED(f.status));
  EXPECT_EQ(WEXITSTATUS(f.status), 0);
  run.s.may_leave.count_down();
  other.join();
}

}  // namespace
