#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <khelp/error.h>
#include <khelp/hhook.h>
#include <khelp/khelp.h>
#include <khelp/stats.h>
#include <khelp/vnet.h>

namespace {

// A type of its own for every test, so that tests do not meet.
std::int32_t fresh_type() {
  static std::int32_t next = KHELP_HHOOK_TYPE_APP;
  return ++next;
}

struct counting {
  int calls = 0;
};
int count(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++static_cast<counting*>(udata)->calls;
  return 0;
}

khelp_hookinfo hook_at(std::int32_t type, std::int32_t id, khelp_hhook_func_t fn, void* udata) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  hook.hook_udata = udata;
  hook.hook_type = type;
  hook.hook_id = id;
  return hook;
}

// A registered point that deregisters itself.
struct point {
  explicit point(std::int32_t t = fresh_type(), std::uint32_t flags = 0) : type(t) {
    EXPECT_EQ(khelp_hhook_head_register(type, 0, &head, flags), 0) << khelp_failure_text();
  }
  ~point() {
    if (head != nullptr)
      khelp_hhook_head_deregister(head);
  }
  khelp_hookinfo hook(khelp_hhook_func_t fn, void* udata) const {
    return hook_at(type, 0, fn, udata);
  }
  void run(void* ctx = nullptr, khelp_osd* osd = nullptr) const {
    khelp_hhooks_run_if(head, ctx, osd);
  }

  std::int32_t type;
  khelp_hhook_head* head = nullptr;
};

int append_letter(std::int32_t, std::int32_t, void* udata, void* ctx, void*, khelp_osd*) {
  *static_cast<std::string*>(ctx) += static_cast<const char*>(udata);
  return 0;
}

}  // namespace

TEST(hhook, conformance_1_registering_twice_is_eexist_but_once_per_instance_is_not) {
  const std::int32_t type = fresh_type();
  khelp_vnet* a = khelp_vnet_alloc(nullptr);
  khelp_vnet* b = khelp_vnet_alloc(nullptr);
  khelp_hhook_head* in_a = nullptr;
  khelp_hhook_head* again = nullptr;
  khelp_hhook_head* in_b = nullptr;
  khelp_vnet_set_current(a);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &in_a, KHELP_HHOOK_HEADISINVNET), 0);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &again, KHELP_HHOOK_HEADISINVNET), EEXIST);
  khelp_vnet_set_current(b);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &in_b, KHELP_HHOOK_HEADISINVNET), 0);
  EXPECT_NE(in_a, in_b);
  EXPECT_EQ(khelp_hhook_head_register(type, 0, &again, 0), EEXIST)
      << "a name is virtualised or not (H-23)";
  khelp_vnet_set_current(nullptr);
  EXPECT_EQ(khelp_hhook_head_register(type, 1, &again, KHELP_HHOOK_HEADISINVNET), EINVAL)
      << "no instance is current (H-20)";
  EXPECT_EQ(khelp_vnet_destroy(a), 0);
  EXPECT_EQ(khelp_vnet_destroy(b), 0);
}

TEST(hhook, conformance_2_of_64_threads_exactly_one_registers_a_point) {
  const std::int32_t type = fresh_type();
  constexpr int threads = 64;
  std::latch start(threads);
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back([&] {
      start.arrive_and_wait();
      const int answer = khelp_hhook_head_register(type, 0, nullptr, 0);
      (answer == 0 ? won : lost) += 1;
      EXPECT_TRUE(answer == 0 || answer == EEXIST);
    });
  }
  for (auto& t : all)
    t.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, threads - 1);
  EXPECT_EQ(khelp_hhook_head_deregister_lookup(type, 0), 0);
}

TEST(hhook, conformance_3_deregister_answers_enoent_for_null_ebusy_for_a_reference_0_with_hooks) {
  EXPECT_EQ(khelp_hhook_head_deregister(nullptr), ENOENT);
  point p;
  counting c;
  khelp_hookinfo hook = p.hook(count, &c);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  khelp_hhook_head* mine = khelp_hhook_head_get(p.type, 0);
  ASSERT_EQ(mine, p.head);
  EXPECT_EQ(khelp_hhook_head_deregister(p.head), EBUSY);
  EXPECT_STRNE(khelp_failure_text(), "");
  khelp_hhook_head_release(mine);
  EXPECT_EQ(khelp_hhook_head_deregister(p.head), 0);
  p.head = nullptr;
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
}

TEST(hhook, conformance_4_deregister_lookup_works_for_an_owner_that_kept_its_pointer) {
  const std::int32_t type = fresh_type();
  khelp_hhook_head* head = nullptr;
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, 0), 0);
  EXPECT_EQ(khelp_hhook_head_deregister_lookup(type, 0), 0) << "H-6";
  EXPECT_EQ(khelp_hhook_head_deregister_lookup(type, 0), ENOENT);
}

TEST(hhook, conformance_5_same_function_and_argument_is_eexist_other_argument_runs_in_order) {
  point p;
  char a[] = "a";
  char b[] = "b";
  khelp_hookinfo first = p.hook(append_letter, a);
  khelp_hookinfo second = p.hook(append_letter, b);
  EXPECT_EQ(khelp_hhook_add_hook(p.head, &first, 0), 0);
  EXPECT_EQ(khelp_hhook_add_hook(p.head, &first, 0), EEXIST);
  EXPECT_EQ(khelp_hhook_add_hook(p.head, &second, 0), 0);
  EXPECT_EQ(p.head->hhh_nhooks, 2u);
  std::string seen;
  p.run(&seen);
  EXPECT_EQ(seen, "ab");
}

TEST(hhook, conformance_6_a_hook_for_no_point_waits_for_it_and_strict_refuses) {
  const std::int32_t type = fresh_type();
  counting c;
  khelp_hookinfo hook = hook_at(type, 0, count, &c);
  EXPECT_EQ(khelp_hhook_add_hook_lookup(&hook, KHELP_HHOOK_STRICT), ENOENT);
  EXPECT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0) << "H-2";
  {
    point p(type);
    p.run();
    EXPECT_EQ(c.calls, 1);
  }
  point back(type);
  back.run();
  EXPECT_EQ(c.calls, 2) << "a hook whose point ended waits for its return (H-9)";
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
}

TEST(hhook, conformance_7_adding_everywhere_is_all_or_nothing) {
  const std::int32_t type = fresh_type();
  constexpr int instances = 5;
  khelp_vnet* vnets[instances];
  khelp_hhook_head* heads[instances];
  for (int i = 0; i < instances; ++i) {
    vnets[i] = khelp_vnet_alloc(nullptr);
    khelp_vnet_set_current(vnets[i]);
    ASSERT_EQ(khelp_hhook_head_register(type, 0, &heads[i], KHELP_HHOOK_HEADISINVNET), 0);
  }
  khelp_vnet_set_current(nullptr);
  counting c;
  khelp_hookinfo hook = hook_at(type, 0, count, &c);
  // The third instance has it already: the whole call fails.
  ASSERT_EQ(khelp_hhook_add_hook(heads[2], &hook, 0), 0);
  EXPECT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), EEXIST);
  for (int i = 0; i < instances; ++i)
    EXPECT_EQ(heads[i]->hhh_nhooks, i == 2 ? 1u : 0u) << "H-3";
  for (khelp_vnet* vnet : vnets)
    EXPECT_EQ(khelp_vnet_destroy(vnet), 0);
  khelp_hhook_remove_hook_lookup(&hook);
}

TEST(hhook, a_hook_of_nobody_that_was_added_to_one_point_goes_with_it) {
  const std::int32_t type = fresh_type();
  counting c;
  {
    point p(type);
    khelp_hookinfo hook = p.hook(count, &c);
    ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  }
  point back(type);
  EXPECT_EQ(back.head->hhh_nhooks, 0u);
}

namespace {
struct blocked_hook {
  std::latch inside{1};
  std::latch go_on{1};
  std::atomic<bool> left{false};
};
int block(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto* state = static_cast<blocked_hook*>(udata);
  state->inside.count_down();
  state->go_on.wait();
  state->left = true;
  return 0;
}
}  // namespace

TEST(hhook, conformance_8_remove_waits_for_a_running_hook) {
  point p;
  blocked_hook state;
  khelp_hookinfo hook = p.hook(block, &state);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  std::thread runner([&] { p.run(); });
  state.inside.wait();
  std::thread remover([&] {
    EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0);
    EXPECT_TRUE(state.left) << "remove returned while the hook ran";
  });
  // The entry is gone for new runs at once.
  while (khelp_hhooks_enabled(p.head))
    std::this_thread::yield();
  EXPECT_FALSE(state.left);
  state.go_on.count_down();
  remover.join();
  runner.join();
}

namespace {
struct self_removal {
  point* at;
  khelp_hookinfo hook;
  int calls = 0;
};
int remove_self(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto* state = static_cast<self_removal*>(udata);
  ++state->calls;
  EXPECT_EQ(khelp_hhook_remove_hook(state->at->head, &state->hook), 0);
  EXPECT_EQ(khelp_hhook_synchronize(state->at->head), EDEADLK);
  return 0;
}
}  // namespace

TEST(hhook, conformance_8_a_hook_that_removes_itself_returns_at_once_and_is_not_called_again) {
  point p;
  self_removal state{&p, {}};
  state.hook = p.hook(remove_self, &state);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &state.hook, 0), 0);
  p.run();
  khelp_hhook_run_hooks(p.head, nullptr, nullptr);
  EXPECT_EQ(state.calls, 1) << "H-14";
  EXPECT_EQ(khelp_reap(), 0);
}

TEST(hhook, a_sleeping_hook_does_not_delay_removals_at_other_points) {
  point sleepy;
  point other;
  blocked_hook state;
  counting c;
  khelp_hookinfo sleeper = sleepy.hook(block, &state);
  khelp_hookinfo hook = other.hook(count, &c);
  ASSERT_EQ(khelp_hhook_add_hook(sleepy.head, &sleeper, 0), 0);
  ASSERT_EQ(khelp_hhook_add_hook(other.head, &hook, 0), 0);
  std::thread runner([&] { sleepy.run(); });
  state.inside.wait();
  EXPECT_EQ(khelp_hhook_remove_hook(other.head, &hook), 0);
  EXPECT_FALSE(state.left);
  state.go_on.count_down();
  runner.join();
}

namespace {
struct adder {
  point* at;
  counting added;
  khelp_hookinfo hook;
};
int add_another(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto* state = static_cast<adder*>(udata);
  EXPECT_EQ(khelp_hhook_add_hook(state->at->head, &state->hook, 0), 0);
  return 0;
}
}  // namespace

TEST(hhook, conformance_9_a_hook_added_during_a_run_is_not_called_by_that_run) {
  point p;
  adder state{&p, {}, {}};
  state.hook = p.hook(count, &state.added);
  khelp_hookinfo first = p.hook(add_another, &state);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &first, 0), 0);
  p.run();
  EXPECT_EQ(state.added.calls, 0);
  khelp_hhook_remove_hook(p.head, &first);
  p.run();
  EXPECT_EQ(state.added.calls, 1);
}

namespace {
int expect_null_data(std::int32_t, std::int32_t, void* udata, void*, void* hdata, khelp_osd*) {
  EXPECT_EQ(hdata, nullptr);
  ++*static_cast<int*>(udata);
  return 0;
}
}  // namespace

TEST(hhook, conformance_11_a_hook_of_nobody_is_called_with_its_argument_and_no_data) {
  point p;
  int calls = 0;
  khelp_hookinfo hook = p.hook(expect_null_data, &calls);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  khelp_osd osd = KHELP_OSD_INITIALIZER;
  p.run(nullptr, &osd);
  p.run(nullptr, nullptr);
  EXPECT_EQ(calls, 2);
}

TEST(hhook, conformance_12_run_if_evaluates_its_arguments_once_and_null_does_nothing) {
  point p;
  counting c;
  khelp_hookinfo hook = p.hook(count, &c);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  khelp_hhook_head* heads[] = {p.head, nullptr};
  khelp_hhook_head** next = heads;
  khelp_hhooks_run_if(*next++, nullptr, nullptr);
  EXPECT_EQ(next, heads + 1);
  khelp_hhooks_run_if(*next++, nullptr, nullptr);
  EXPECT_EQ(c.calls, 1);
}

TEST(hhook, conformance_13_is_virtualised_says_0x100_or_0) {
  point plain;
  EXPECT_EQ(khelp_hhook_head_is_virtualised(plain.head), 0u);
  EXPECT_EQ(khelp_hhook_head_is_virtualised(nullptr), 0u);
  EXPECT_EQ(khelp_hhook_head_is_virtualised_lookup(fresh_type(), 7), 0u);
  khelp_vnet* vnet = khelp_vnet_alloc(nullptr);
  khelp_vnet_set_current(vnet);
  khelp_hhook_head* head = nullptr;
  const std::int32_t type = fresh_type();
  ASSERT_EQ(khelp_hhook_head_register(type, 0, &head, KHELP_HHOOK_HEADISINVNET), 0);
  EXPECT_EQ(khelp_hhook_head_is_virtualised(head), 0x100u);
  EXPECT_EQ(khelp_hhook_head_is_virtualised_lookup(type, 0), 0x100u);
  khelp_vnet_set_current(nullptr);
  khelp_vnet_destroy(vnet);
}

TEST(hhook, conformance_14_destroying_an_instance_frees_its_points_and_a_reference_stays_readable) {
  khelp_vnet* vnet = khelp_vnet_alloc(nullptr);
  khelp_vnet_set_current(vnet);
  const std::int32_t type = fresh_type();
  ASSERT_EQ(khelp_hhook_head_register(type, 0, nullptr, KHELP_HHOOK_HEADISINVNET), 0);
  khelp_hhook_head* mine = khelp_hhook_head_get(type, 0);
  khelp_vnet_set_current(nullptr);
  EXPECT_EQ(khelp_vnet_destroy(vnet), 0) << "H-19";
  EXPECT_EQ(mine->hhh_type, type);
  EXPECT_EQ(mine->hhh_nhooks, 0u);
  khelp_hhook_head_release(mine);
}

TEST(hhook, a_hook_without_a_function_is_einval) {
  point p;
  khelp_hookinfo hook = p.hook(nullptr, nullptr);
  EXPECT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), EINVAL) << "K-39";
  EXPECT_EQ(khelp_hhook_add_hook(nullptr, &hook, 0), ENOENT);
}

TEST(hhook, removing_what_is_not_there_is_0_and_the_x_form_says_enoent) {
  point p;
  counting c;
  khelp_hookinfo hook = p.hook(count, &c);
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0) << "H-4";
  EXPECT_EQ(khelp_hhook_remove_hook_lookup(&hook), 0);
  std::uint32_t removed = 7;
  EXPECT_EQ(khelp_hhook_remove_hook_x(&hook, &removed), ENOENT);
  EXPECT_EQ(removed, 0u);
  ASSERT_EQ(khelp_hhook_add_hook_lookup(&hook, 0), 0);
  EXPECT_EQ(khelp_hhook_remove_hook_x(&hook, &removed), 0);
  EXPECT_EQ(removed, 1u);
}

namespace {
int answer(std::int32_t, std::int32_t, void* udata, void* ctx, void*, khelp_osd*) {
  ++*static_cast<int*>(ctx);
  return *static_cast<int*>(udata);
}
}  // namespace

TEST(hhook, a_point_combines_results_by_its_rule) {
  int answers[] = {0, 5, 9, 2};
  const auto run_with = [&](std::uint32_t rule, int& calls) {
    point p(fresh_type(), rule);
    for (int& a : answers) {
      khelp_hookinfo hook = p.hook(answer, &a);
      EXPECT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
    }
    calls = 0;
    return khelp_hhook_run_hooks_result(p.head, &calls, nullptr);
  };
  int calls = 0;
  EXPECT_EQ(run_with(KHELP_HHOOK_RESULT_IGNORE, calls), 0);
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(run_with(KHELP_HHOOK_RESULT_FIRST, calls), 5);
  EXPECT_EQ(calls, 2) << "the first non-zero stops the run";
  EXPECT_EQ(run_with(KHELP_HHOOK_RESULT_STRICTEST, calls), 9);
  EXPECT_EQ(calls, 4);
}

namespace {
khelp_hookinfo_x ordered_hook(std::int32_t type, const char* letter, std::int32_t priority) {
  khelp_hookinfo_x x{};
  x.size = sizeof x;
  x.priority = priority;
  x.hook = hook_at(type, 0, append_letter, const_cast<char*>(letter));
  return x;
}
}  // namespace

TEST(hhook, priority_decides_before_the_order_of_adding) {
  point p;
  khelp_hookinfo_x late = ordered_hook(p.type, "l", 10);
  khelp_hookinfo_x normal = ordered_hook(p.type, "n", 0);
  khelp_hookinfo_x early = ordered_hook(p.type, "e", -10);
  ASSERT_EQ(khelp_hhook_add_hook_x(&late, 0), 0);
  ASSERT_EQ(khelp_hhook_add_hook_x(&normal, 0), 0);
  ASSERT_EQ(khelp_hhook_add_hook_x(&early, 0), 0);
  std::string seen;
  p.run(&seen);
  EXPECT_EQ(seen, "enl");
  for (auto* x : {&late, &normal, &early})
    khelp_hhook_remove_hook_lookup(&x->hook);
}

namespace {
struct recursion {
  point* at;
  int depth = 0;
  int deepest = 0;
};
int recurse(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  auto* state = static_cast<recursion*>(udata);
  state->deepest = std::max(state->deepest, ++state->depth);
  state->at->run();
  --state->depth;
  return 0;
}
}  // namespace

TEST(hhook, recursion_works_up_to_the_limit_and_the_rest_is_counted) {
  const std::int32_t type = fresh_type();
  point p(type);
  recursion state{&p};
  khelp_hookinfo hook = p.hook(recurse, &state);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  p.run();
  EXPECT_EQ(state.deepest, 8);
  struct found {
    std::int32_t type;
    khelp_hook_stat stat{};
  } f{type};
  ASSERT_EQ(khelp_stats_hooks(
                [](void* arg, const khelp_hook_stat* stat) {
                  auto* to = static_cast<found*>(arg);
                  if (stat->type == to->type)
                    to->stat = *stat;
                },
                &f),
            0);
  EXPECT_EQ(f.stat.calls, 8u);
  EXPECT_EQ(f.stat.skipped[KHELP_SKIP_RECURSION], 1u);
}

namespace {
int throw_something(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++static_cast<counting*>(udata)->calls;
  throw std::runtime_error("a hook's own trouble");
}
}  // namespace

TEST(hhook, a_hook_that_throws_is_suspended_until_resumed_and_the_others_run_on) {
  point p;
  counting bad;
  counting good;
  khelp_hookinfo thrower = p.hook(throw_something, &bad);
  khelp_hookinfo other = p.hook(count, &good);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &thrower, 0), 0);
  p.run();
  p.run();
  EXPECT_EQ(bad.calls, 1) << "alone at the point";
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &other, 0), 0);
  p.run();
  EXPECT_EQ(bad.calls, 1) << "suspended also in the new set";
  EXPECT_EQ(good.calls, 1);
  EXPECT_EQ(khelp_hhook_resume_hook(&thrower), 0);
  EXPECT_EQ(khelp_hhook_resume_hook(&thrower), EALREADY);
  p.run();
  EXPECT_EQ(bad.calls, 2);
  EXPECT_EQ(good.calls, 2);
  p.run();
  EXPECT_EQ(bad.calls, 2);
}

TEST(hhook, a_hook_that_throws_among_others_is_suspended_in_the_set_that_runs) {
  point p;
  counting bad;
  counting good;
  khelp_hookinfo thrower = p.hook(throw_something, &bad);
  khelp_hookinfo other = p.hook(count, &good);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &thrower, 0), 0);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &other, 0), 0);
  p.run();
  p.run();
  EXPECT_EQ(bad.calls, 1);
  EXPECT_EQ(good.calls, 2);
}

TEST(hhook, a_thread_cancelled_inside_a_hook_leaves_nothing_behind) {
  point p;
  struct inside {
    std::latch reached{1};
  } state;
  khelp_hookinfo hook = p.hook(
      [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) -> int {
        static_cast<inside*>(udata)->reached.count_down();
        pthread_exit(nullptr);
      },
      &state);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* arg) -> void* {
                  static_cast<point*>(arg)->run();
                  return nullptr;
                },
                &p),
            0);
  state.reached.wait();
  pthread_join(thread, nullptr);
  EXPECT_EQ(khelp_hhook_remove_hook(p.head, &hook), 0)
      << "would wait for ever for a section left open";
}

TEST(hhook, timing_counts_calls_while_it_is_on) {
  const std::int32_t type = fresh_type();
  point p(type);
  counting c;
  khelp_hookinfo hook = p.hook(count, &c);
  ASSERT_EQ(khelp_hhook_add_hook(p.head, &hook, 0), 0);
  p.run();
  ASSERT_EQ(khelp_stats_timing(1), 0);
  p.run();
  p.run();
  ASSERT_EQ(khelp_stats_timing(0), 0);
  p.run();
  EXPECT_EQ(c.calls, 4);
  struct found {
    std::int32_t type;
    khelp_hook_stat stat{};
  } f{type};
  khelp_stats_hooks(
      [](void* arg, const khelp_hook_stat* stat) {
        auto* to = static_cast<found*>(arg);
        if (stat->type == to->type)
          to->stat = *stat;
      },
      &f);
  EXPECT_EQ(f.stat.calls, 4u);
  EXPECT_EQ(f.stat.timed_calls, 2u);
  EXPECT_GT(f.stat.timed_ns, 0u);
}

TEST(hhook, nesting_deeper_than_a_thread_record_still_runs_and_still_waits) {
  constexpr int deep = 30;
  struct chain {
    std::vector<std::unique_ptr<point>> points;
    int reached = 0;
  } c;
  for (int i = 0; i < deep; ++i)
    c.points.push_back(std::make_unique<point>());
  std::vector<khelp_hookinfo> hooks;
  for (int i = 0; i < deep; ++i) {
    hooks.push_back(c.points[static_cast<std::size_t>(i)]->hook(
        [](std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
          auto* all = static_cast<chain*>(udata);
          if (++all->reached < deep)
            all->points[static_cast<std::size_t>(all->reached)]->run();
          return 0;
        },
        &c));
    ASSERT_EQ(khelp_hhook_add_hook(c.points[static_cast<std::size_t>(i)]->head, &hooks.back(), 0),
              0);
  }
  c.points[0]->run();
  EXPECT_EQ(c.reached, deep);
  for (int i = 0; i < deep; ++i)
    EXPECT_EQ(khelp_hhook_remove_hook(c.points[static_cast<std::size_t>(i)]->head,
                                      &hooks[static_cast<std::size_t>(i)]),
              0);
}
