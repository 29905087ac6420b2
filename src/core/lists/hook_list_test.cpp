#include "core/lists/hook_list.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <pthread.h>
#include <sched.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <khelp/error.h>
#include <khelp/hook_list.h>
#include <khelp/khelp.h>
#include <khelp/log.h>

#include "base/thread_text.hpp"

namespace {

using action = std::function<void()>;
using calls = std::vector<std::string>;

void act(void* arg) {
  (*static_cast<action*>(arg))();
}

// A list, and hooks that are functions.
class test_list {
 public:
  explicit test_list(const char* name = "test") : list_(khelp_hook_alloc(name)) {}
  ~test_list() {
    if (list_ != nullptr)
      khelp_hook_free(list_);
  }
  test_list(const test_list&) = delete;
  test_list& operator=(const test_list&) = delete;

  khelp_hook* add(action& does) { return khelp_hook_register(list_, act, &does); }
  int remove(khelp_hook* hook, std::uint32_t flags = 0) {
    return khelp_hook_unregister(list_, hook, flags);
  }
  int run(std::uint32_t flags = 0) { return khelp_hook_run(list_, flags, nullptr, nullptr); }
  int free() { return khelp_hook_free(std::exchange(list_, nullptr)); }
  std::uint32_t count() { return khelp_hook_count(list_); }
  khelp_hook_list* get() { return list_; }

 private:
  khelp_hook_list* list_;
};

// Says something when called.
struct speaker {
  std::string word;
  calls* to;
};
void speak(void* arg) {
  auto& s = *static_cast<speaker*>(arg);
  s.to->push_back(s.word);
}
void speak_with(void* proc, void* arg) {
  auto& s = *static_cast<speaker*>(arg);
  s.to->push_back(s.word + (proc == nullptr ? "(nothing)" : static_cast<const char*>(proc)));
}
int first_letter(void* arg, void* letters) {
  const char first = static_cast<speaker*>(arg)->word[0];
  const char* found = std::strchr(static_cast<const char*>(letters), first);
  return found == nullptr ? 0 : (first == 'a' ? 2 : -1);
}

struct letters {
  calls said;
  speaker a{"a", &said};
  speaker b{"b", &said};
  speaker c{"c", &said};
  test_list list;
  khelp_hook* hook_a = khelp_hook_register(list.get(), speak, &a);
  khelp_hook* hook_b = khelp_hook_register(list.get(), speak, &b);
  khelp_hook* hook_c = khelp_hook_register(list.get(), speak, &c);

  calls run(std::uint32_t flags, const char* mask = nullptr) {
    said.clear();
    khelp_hook_run(list.get(), flags, mask == nullptr ? nullptr : first_letter,
                   const_cast<char*>(mask));
    return said;
  }
};

// Others run meanwhile.
template <class Fn>
void wait_until(Fn fn) {
  while (!fn())
    sched_yield();
}
void let_others_run() {
  for (int i = 0; i < 1000; ++i)
    sched_yield();
}

using messages = std::vector<std::string>;
void keep_message(void* arg, int level, const char* words) {
  if (level == KHELP_LOG_WARNING)
    static_cast<messages*>(arg)->push_back(words);
}
std::string this_thread() {
  return std::string(khelp::thread_text());
}

struct listening {
  messages got;
  listening() { khelp_log_set_sink(keep_message, &got); }
  ~listening() { khelp_log_set_sink(nullptr, nullptr); }
};

}  // namespace

// ---- runs ----

TEST(hook_list, runs_hooks_in_the_order_they_came_or_the_other_way_round) {
  letters l;
  EXPECT_EQ(l.run(0), (calls{"a", "b", "c"}));
  EXPECT_EQ(l.run(KHELP_HOOK_REVERSE), (calls{"c", "b", "a"}));
}

TEST(hook_list, a_function_may_be_there_twice_with_the_same_argument) {
  letters l;
  khelp_hook* again = khelp_hook_register(l.list.get(), speak, &l.a);
  EXPECT_EQ(l.run(0), (calls{"a", "b", "c", "a"}));
  EXPECT_EQ(l.list.remove(l.hook_a), 0);
  EXPECT_EQ(l.run(0), (calls{"b", "c", "a"}));
  EXPECT_EQ(l.list.remove(again), 0);
  EXPECT_EQ(l.run(0), (calls{"b", "c"}));
}

TEST(hook_list, a_mask_lets_a_hook_run_with_any_value_but_zero) {
  letters l;
  EXPECT_EQ(l.run(0, "ac"), (calls{"a", "c"}));
  EXPECT_EQ(l.run(KHELP_HOOK_REVERSE, "cb"), (calls{"c", "b"}));
  EXPECT_EQ(l.run(0, "x"), calls{});
}

TEST(hook_list, hooks_of_two_arguments_get_both_and_hooks_of_one_get_what_the_run_passes) {  // N-1
  calls said;
  speaker x{"x", &said};
  test_list list;
  khelp_hook_proc_register(list.get(), speak_with, &x);
  char proc[] = "!";
  khelp_hook_proc_run(list.get(), 0, proc, nullptr, nullptr);
  list.run();
  EXPECT_EQ(said, (calls{"x!", "x(nothing)"}));

  test_list ones;
  khelp_hook_register(ones.get(), speak, nullptr);
  khelp_hook_proc_run(ones.get(), 0, &x, nullptr, nullptr);
  EXPECT_EQ(said.back(), "x");
}

TEST(hook_list, a_plain_pointer_is_called_with_what_its_run_passes) {  // N-3
  calls said;
  speaker x{"x", &said};
  khelp_hook_x one{};
  one.size = sizeof one;
  one.pointer = reinterpret_cast<void*>(speak);
  one.arg = &x;
  khelp_hook_x two = one;
  two.pointer = reinterpret_cast<void*>(speak_with);
  test_list ones;
  test_list twos;
  ASSERT_NE(khelp_hook_register_x(ones.get(), &one), nullptr);
  ASSERT_NE(khelp_hook_register_x(twos.get(), &two), nullptr);
  char proc[] = "!";
  ones.run();
  khelp_hook_proc_run(twos.get(), 0, proc, nullptr, nullptr);
  EXPECT_EQ(said, (calls{"x", "x!"}));
}

TEST(hook_list, a_hook_added_during_a_run_is_called_by_the_next) {
  int added = 0;
  test_list list;
  action second = [&] { ++added; };
  action first = [&] { list.add(second); };
  list.add(first);
  list.run();
  EXPECT_EQ(added, 0);
  list.run();
  EXPECT_EQ(added, 1);
}

TEST(hook_list, a_hook_removed_during_a_run_is_not_called_any_more) {
  bool called = false;
  test_list list;
  khelp_hook* last = nullptr;
  action removing = [&] { EXPECT_EQ(list.remove(last), 0); };
  action removed = [&] { called = true; };
  list.add(removing);
  last = list.add(removed);
  list.run();
  EXPECT_FALSE(called);
}

TEST(hook_list, runs_nest_deeper_than_a_threads_record_has_room) {
  int depth = 0;
  int called = 0;
  test_list list;
  khelp_hook* self = nullptr;
  action nesting = [&] {
    ++called;
    if (++depth < 40)
      list.run();
    else
      EXPECT_EQ(list.remove(self), 0);
    --depth;
  };
  self = list.add(nesting);
  list.run();
  EXPECT_EQ(called, 40);
  list.run();
  EXPECT_EQ(called, 40);
}

TEST(hook_list, a_hook_removed_by_its_own_mask_is_not_called) {
  struct asked {
    test_list list;
    khelp_hook* hook = nullptr;
    bool called = false;
  } a;
  action calling = [&] { a.called = true; };
  a.hook = a.list.add(calling);
  khelp_hook_run(
      a.list.get(), 0,
      [](void*, void* mask_arg) {
        auto& in = *static_cast<asked*>(mask_arg);
        EXPECT_EQ(in.list.remove(in.hook), 0);
        return 1;
      },
      &a);
  EXPECT_FALSE(a.called);
}

TEST(hook_list, a_list_freed_by_a_mask_calls_no_hook) {
  test_list list;
  bool called = false;
  action calling = [&] { called = true; };
  list.add(calling);
  list.add(calling);
  khelp_hook_run(
      list.get(), 0,
      [](void*, void* mask_arg) {
        auto& in = *static_cast<test_list*>(mask_arg);
        EXPECT_EQ(in.get() == nullptr ? 0 : in.free(), 0);
        return 1;
      },
      &list);
  EXPECT_FALSE(called);
}

TEST(hook_list, no_list_runs_nothing_and_says_so) {
  EXPECT_EQ(khelp_hook_run(nullptr, 0, nullptr, nullptr), ENOENT);
  EXPECT_STREQ(khelp_failure_text(), "hook list: none was given");
  EXPECT_EQ(khelp_hook_proc_run(nullptr, KHELP_HOOK_REVERSE, nullptr, nullptr, nullptr), ENOENT);
}

// ---- one-shot runs ----

TEST(hook_list, a_one_shot_run_takes_off_what_it_runs_and_leaves_what_its_mask_skips) {
  letters l;
  EXPECT_EQ(l.run(KHELP_HOOK_UNREGISTER, "ac"), (calls{"a", "c"}));
  EXPECT_EQ(l.list.count(), 1u);
  EXPECT_EQ(l.run(0), calls{"b"});
  EXPECT_EQ(l.run(KHELP_HOOK_UNREGISTER | KHELP_HOOK_REVERSE), calls{"b"});
  EXPECT_EQ(l.run(0), calls{});
}

TEST(hook_list, a_one_shot_run_takes_a_hook_off_before_it_runs) {
  test_list list;
  int called = 0;
  std::uint32_t on_list = 99;
  action again = [&] {
    ++called;
    on_list = list.count();
    list.run(KHELP_HOOK_UNREGISTER);
    list.run();
  };
  list.add(again);
  list.run(KHELP_HOOK_UNREGISTER);
  EXPECT_EQ(called, 1);
  EXPECT_EQ(on_list, 0u);
}

TEST(hook_list, two_one_shot_runs_at_once_call_each_hook_once) {
  constexpr int hooks = 50;
  for (int round = 0; round < 50; ++round) {
    test_list list;
    std::vector<std::atomic<int>> called(hooks);
    std::vector<action> actions;
    for (auto& c : called)
      actions.push_back([&c] { ++c; });
    for (auto& a : actions)
      list.add(a);
    std::latch both(2);
    const auto shoot = [&] {
      both.arrive_and_wait();
      list.run(KHELP_HOOK_UNREGISTER);
    };
    std::thread other(shoot);
    shoot();
    other.join();
    for (auto& c : called)
      EXPECT_EQ(c, 1);
  }
}

TEST(hook_list, two_one_shot_runs_that_have_both_chosen_a_hook_call_it_once) {
  test_list list;
  std::atomic<int> called{0};
  action counting = [&] { ++called; };
  list.add(counting);
  std::latch both(2);
  const auto shoot = [&] {
    khelp_hook_run(
        list.get(), KHELP_HOOK_UNREGISTER,
        [](void*, void* mask_arg) {
          static_cast<std::latch*>(mask_arg)->arrive_and_wait();
          return 1;
        },
        &both);
  };
  std::thread other(shoot);
  shoot();
  other.join();
  EXPECT_EQ(called, 1);
}

TEST(hook_list, removing_what_a_one_shot_run_is_still_in_waits_and_says_that_it_is_off) {
  test_list list;
  std::latch inside(1);
  std::atomic<bool> may_leave{false};
  std::atomic<bool> left{false};
  action slow = [&] {
    inside.count_down();
    wait_until([&] { return may_leave.load(); });
    let_others_run();
    left = true;
  };
  khelp_hook* hook = list.add(slow);
  std::thread runner([&] { list.run(KHELP_HOOK_UNREGISTER); });
  inside.wait();
  may_leave = true;
  EXPECT_EQ(list.remove(hook), ENOENT);
  EXPECT_TRUE(left);
  runner.join();
}

// ---- removals ----

TEST(hook_list, remove_waits_until_no_other_thread_is_in_the_hook) {
  test_list list;
  std::latch inside(1);
  std::atomic<bool> left{false};
  action slow = [&] {
    inside.count_down();
    wait_until([&] { return list.count() == 0; });
    let_others_run();
    left = true;
  };
  khelp_hook* hook = list.add(slow);
  std::thread runner([&] { list.run(); });
  inside.wait();
  EXPECT_EQ(list.remove(hook), 0);
  EXPECT_TRUE(left);
  runner.join();
}

TEST(hook_list, remove_waits_for_the_mask_too) {
  struct shared {
    test_list list;
    std::latch inside{1};
    std::atomic<bool> left{false};
  } s;
  action nothing = [] {};
  khelp_hook* hook = s.list.add(nothing);
  std::thread runner([&] {
    khelp_hook_run(
        s.list.get(), 0,
        [](void*, void* mask_arg) {
          auto& in = *static_cast<shared*>(mask_arg);
          in.inside.count_down();
          wait_until([&] { return in.list.count() == 0; });
          let_others_run();
          in.left = true;
          return 0;
        },
        &s);
  });
  s.inside.wait();
  EXPECT_EQ(s.list.remove(hook), 0);
  EXPECT_TRUE(s.left);
  runner.join();
}

TEST(hook_list, a_hook_that_sleeps_does_not_delay_the_removal_of_another) {
  test_list list;
  std::latch inside(1);
  std::latch wake(1);
  action sleeping = [&] {
    inside.count_down();
    wake.wait();
  };
  bool called = false;
  action other = [&] { called = true; };
  list.add(sleeping);
  khelp_hook* hook = list.add(other);
  std::thread runner([&] { list.run(); });
  inside.wait();
  EXPECT_EQ(list.remove(hook), 0);
  wake.count_down();
  runner.join();
  EXPECT_FALSE(called);
}

TEST(hook_list, a_hook_removes_itself_while_another_thread_is_in_it) {
  test_list list;
  std::latch both(2);
  std::atomic<int> removed{0};
  khelp_hook* hook = nullptr;
  action self = [&] {
    both.arrive_and_wait();
    if (list.remove(hook) == 0)
      ++removed;
    wait_until([&] { return removed == 1; });
  };
  hook = list.add(self);
  std::thread other([&] { list.run(); });
  list.run();
  other.join();
  EXPECT_EQ(removed, 1);
  EXPECT_EQ(list.count(), 0u);
}

TEST(hook_list, from_inside_another_hook_remove_waits_only_when_told_to) {
  test_list busy;
  test_list list;
  std::latch inside(1);
  std::atomic<bool> may_leave{false};
  std::atomic<bool> left{false};
  action slow = [&] {
    inside.count_down();
    wait_until([&] { return may_leave.load(); });
    let_others_run();
    left = true;
  };
  khelp_hook* hook = busy.add(slow);
  std::thread runner([&] { busy.run(); });
  inside.wait();
  action removing = [&] {
    EXPECT_EQ(busy.remove(hook), 0);
    EXPECT_FALSE(left);
    may_leave = true;
    EXPECT_EQ(busy.remove(hook, KHELP_HOOK_WAIT), ENOENT);
    EXPECT_TRUE(left);
  };
  list.add(removing);
  list.run();
  runner.join();
}

TEST(hook_list, a_callers_lock_is_let_go_while_somebody_is_in_the_hook_and_not_otherwise) {
  struct counted_lock {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    int unlocked = 0;
  } lock;
  const auto unlock_it = [](void* held) {
    auto& l = *static_cast<counted_lock*>(held);
    ++l.unlocked;
    pthread_mutex_unlock(&l.mutex);
  };
  const auto lock_it = [](void* held) {
    pthread_mutex_lock(&static_cast<counted_lock*>(held)->mutex);
  };
  test_list list;
  std::latch inside(1);
  action needs_lock = [&] {
    inside.count_down();
    pthread_mutex_lock(&lock.mutex);
    pthread_mutex_unlock(&lock.mutex);
  };
  action nothing = [] {};
  khelp_hook* idle = list.add(nothing);
  khelp_hook* hook = list.add(needs_lock);
  pthread_mutex_lock(&lock.mutex);
  EXPECT_EQ(khelp_hook_unregister_held(list.get(), idle, 0, unlock_it, lock_it, &lock), 0);
  EXPECT_EQ(lock.unlocked, 0);
  std::thread runner([&] { list.run(); });
  inside.wait();
  EXPECT_EQ(khelp_hook_unregister_held(list.get(), hook, 0, unlock_it, lock_it, &lock), 0);
  EXPECT_EQ(lock.unlocked, 1);
  EXPECT_EQ(pthread_mutex_trylock(&lock.mutex), EBUSY);
  pthread_mutex_unlock(&lock.mutex);
  runner.join();
}

TEST(hook_list, a_handle_that_is_not_on_the_list_is_refused_and_if_asked_for_logged) {
  const listening log;
  letters l;
  test_list other;
  EXPECT_EQ(l.list.remove(l.hook_a), 0);
  EXPECT_EQ(l.list.remove(l.hook_a), ENOENT);
  EXPECT_STREQ(khelp_failure_text(), "hook list: no such hook is on it");
  EXPECT_EQ(l.list.remove(nullptr), ENOENT);
  EXPECT_EQ(khelp_hook_unregister(other.get(), l.hook_b, 0), ENOENT);
  EXPECT_TRUE(log.got.empty());
  EXPECT_EQ(khelp_hook_unregister(other.get(), l.hook_b, KHELP_HOOK_WARN), ENOENT);
  EXPECT_EQ(log.got, messages{"hook list: a hook was unregistered that is not on the list"});
  EXPECT_EQ(l.run(0), (calls{"b", "c"}));
}

TEST(hook_list, a_kept_handle_does_not_name_a_later_hook) {
  test_list list;
  action nothing = [] {};
  khelp_hook* first = list.add(nothing);
  EXPECT_EQ(list.remove(first), 0);
  for (int i = 0; i < 100; ++i) {
    list.add(nothing);
    EXPECT_EQ(list.remove(first), ENOENT);
  }
  EXPECT_EQ(list.count(), 100u);
}

// ---- the owner of the argument ----

struct released {
  std::atomic<int> times{0};
};
khelp_hook* add_released(khelp_hook_list* list, khelp_hook_callback_t fn, released& owner) {
  khelp_hook_x x{};
  x.size = sizeof x;
  x.callback = fn;
  x.arg = &owner;
  x.release = [](void* arg) { ++static_cast<released*>(arg)->times; };
  return khelp_hook_register_x(list, &x);
}

TEST(hook_list, the_argument_is_released_once_when_its_hook_is_removed) {
  test_list list;
  released owner;
  khelp_hook* hook = add_released(
      list.get(), [](void*) {}, owner);
  list.run();
  EXPECT_EQ(owner.times, 0);
  EXPECT_EQ(list.remove(hook), 0);
  EXPECT_EQ(owner.times, 1);
  EXPECT_EQ(list.remove(hook), ENOENT);
  EXPECT_EQ(list.free(), 0);
  EXPECT_EQ(owner.times, 1);
}

TEST(hook_list, a_release_function_that_throws_is_told_and_the_argument_counts_as_released) {
  const listening log;
  test_list list;
  khelp_hook_x x{};
  x.size = sizeof x;
  x.name = "owner";
  x.callback = [](void*) {};
  x.release = [](void*) { throw std::runtime_error("no"); };
  khelp_hook* named = khelp_hook_register_x(list.get(), &x);
  x.name = nullptr;
  khelp_hook_register_x(list.get(), &x);
  EXPECT_EQ(list.remove(named), 0);
  EXPECT_EQ(list.free(), 0);
  EXPECT_EQ(log.got, (messages{"hook 'owner': its release function threw: no",
                               "a hook of a hook list: its release function threw: no"}));
}

TEST(hook_list, a_hook_that_removes_itself_keeps_its_argument_until_it_has_left) {
  struct self_removing : released {
    khelp_hook_list* list = nullptr;
    khelp_hook* hook = nullptr;
    int released_inside = -1;
  } owner;
  test_list list;
  owner.list = list.get();
  owner.hook = add_released(
      list.get(),
      [](void* arg) {
        auto& o = *static_cast<self_removing*>(static_cast<released*>(arg));
        EXPECT_EQ(khelp_hook_unregister(o.list, o.hook, 0), 0);
        khelp_reap();
        o.released_inside = o.times;
      },
      owner);
  list.run();
  EXPECT_EQ(owner.released_inside, 0);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(owner.times, 1);
}

TEST(hook_list, what_a_one_shot_run_took_is_released_by_a_later_call) {
  test_list list;
  released owner;
  add_released(
      list.get(), [](void*) {}, owner);
  list.run(KHELP_HOOK_UNREGISTER);
  EXPECT_EQ(owner.times, 0);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(owner.times, 1);
}

TEST(hook_list, what_a_run_is_still_in_is_not_released_by_a_call_of_another_thread) {
  struct slow : released {
    std::latch inside{1};
    std::latch go_on{1};
  } owner;
  test_list list;
  add_released(
      list.get(),
      [](void* arg) {
        auto& o = *static_cast<slow*>(static_cast<released*>(arg));
        o.inside.count_down();
        o.go_on.wait();
      },
      owner);
  std::thread runner([&] { list.run(KHELP_HOOK_UNREGISTER); });
  owner.inside.wait();
  EXPECT_NE(khelp_reap(), 0);
  EXPECT_EQ(owner.times, 0);
  owner.go_on.count_down();
  runner.join();
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(owner.times, 1);
}

TEST(hook_list, what_is_released_may_add_and_remove_hooks) {
  struct adding {
    khelp_hook_list* list;
    khelp_hook* other;
  } owner{};
  test_list list;
  action nothing = [] {};
  owner.list = list.get();
  owner.other = list.add(nothing);
  khelp_hook_x x{};
  x.size = sizeof x;
  x.callback = [](void*) {};
  x.arg = &owner;
  x.release = [](void* arg) {
    auto& o = *static_cast<adding*>(arg);
    EXPECT_EQ(khelp_hook_unregister(o.list, o.other, 0), 0);
    EXPECT_NE(khelp_hook_register(
                  o.list, [](void*) {}, nullptr),
              nullptr);
  };
  EXPECT_EQ(list.remove(khelp_hook_register_x(list.get(), &x)), 0);
  EXPECT_EQ(list.count(), 1u);
}

// ---- ends of lists ----

TEST(hook_list, free_releases_what_is_on_the_list_and_forgets_it) {
  const listening log;
  test_list list;
  released owner;
  khelp_hook* hook = add_released(
      list.get(), [](void*) {}, owner);
  khelp_hook_list* kept = list.get();
  EXPECT_EQ(list.free(), 0);
  EXPECT_EQ(owner.times, 1);
  EXPECT_EQ(khelp_hook_free(nullptr), 0);
  EXPECT_TRUE(log.got.empty());
  EXPECT_EQ(khelp_hook_free(kept), ENOENT);
  EXPECT_EQ(log.got.size(), 1u);
  EXPECT_EQ(khelp_hook_unregister(kept, hook, 0), ENOENT);
  EXPECT_EQ(khelp_hook_register(kept, act, nullptr), nullptr);
  EXPECT_EQ(khelp_hook_count(kept), 0u);
}

TEST(hook_list, free_waits_for_a_run_on_another_thread) {
  test_list list;
  std::latch inside(1);
  std::atomic<bool> freeing{false};
  std::atomic<bool> left{false};
  action slow = [&] {
    inside.count_down();
    wait_until([&] { return freeing.load(); });
    let_others_run();
    left = true;
  };
  list.add(slow);
  std::thread runner([&] { list.run(); });
  inside.wait();
  freeing = true;
  EXPECT_EQ(list.free(), 0);
  EXPECT_TRUE(left);
  runner.join();
}

TEST(hook_list, freed_from_one_of_its_hooks_it_calls_no_further_hook_and_goes_later) {
  test_list list;
  released owner;
  bool called = false;
  action freeing = [&] {
    EXPECT_EQ(list.free(), 0);
    std::thread([] { EXPECT_NE(khelp_reap(), 0); }).join();
  };
  action next = [&] { called = true; };
  add_released(
      list.get(), [](void*) {}, owner);
  list.add(freeing);
  list.add(next);
  EXPECT_EQ(list.run(), 0);
  EXPECT_FALSE(called);
  EXPECT_EQ(owner.times, 0);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(owner.times, 1);
}

// The list's memory is another thread's to free as soon as the run is over: what a run writes after
// that, ThreadSanitizer reports.
TEST(hook_list, a_run_alone_leaves_its_list_before_another_thread_may_free_it) {
  for (int round = 0; round < 100; ++round) {
    test_list list;
    std::atomic<bool> freed{false};
    action freeing = [&] {
      EXPECT_EQ(list.free(), 0);
      freed = true;
    };
    list.add(freeing);
    std::thread reaper([&] {
      wait_until([&] { return freed.load(); });
      wait_until([] { return khelp_reap() == 0; });
    });
    EXPECT_EQ(list.run(KHELP_HOOK_ALONE), 0);
    reaper.join();
  }
}

// ---- exceptions, cancellation, fork ----

TEST(hook_list, a_hook_that_throws_is_suspended_until_it_is_resumed) {
  const listening log;
  test_list list("errors");
  khelp_hook_x x{};
  x.size = sizeof x;
  x.name = "thrower";
  int called = 0;
  x.arg = &called;
  x.callback = [](void* arg) {
    if (++*static_cast<int*>(arg) == 1)
      throw std::runtime_error("no");
  };
  khelp_hook* hook = khelp_hook_register_x(list.get(), &x);
  int next = 0;
  action counting = [&] { ++next; };
  khelp_hook* other = list.add(counting);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(called, 1);
  EXPECT_EQ(next, 2);
  EXPECT_EQ(log.got, messages{"hook list 'errors': hook 'thrower' threw and is suspended: no (" +
                              this_thread() + ")"});

  std::vector<khelp_hook_info> infos;
  const auto collect = [](void* to, const khelp_hook_info* info) {
    static_cast<std::vector<khelp_hook_info>*>(to)->push_back(*info);
  };
  EXPECT_EQ(khelp_hook_list_each(list.get(), collect, &infos), 0);
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].hook, hook);
  EXPECT_EQ(infos[0].suspended, 1u);
  EXPECT_EQ(infos[0].exceptions, 1u);
  EXPECT_STREQ(infos[0].name, "thrower");
  EXPECT_EQ(infos[1].suspended, 0u);

  EXPECT_EQ(khelp_hook_resume(list.get(), other), EALREADY);
  EXPECT_EQ(khelp_hook_resume(list.get(), nullptr), ENOENT);
  EXPECT_EQ(khelp_hook_resume(list.get(), hook), 0);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(called, 2);
}

TEST(hook_list, a_mask_that_throws_suspends_the_hook_it_was_asked_about_and_is_named_in_the_log) {
  const listening log;
  test_list list("errors");
  int called = 0;
  action counting = [&] { ++called; };
  khelp_hook* hook = list.add(counting);
  const auto throwing = [](void*, void*) -> int { throw std::runtime_error("no"); };
  EXPECT_EQ(khelp_hook_run(list.get(), KHELP_HOOK_UNREGISTER, throwing, nullptr), 0);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(called, 0);
  EXPECT_EQ(log.got, messages{"hook list 'errors': the run's mask for a hook without a name threw: "
                              "the hook is suspended: no (" +
                              this_thread() + ")"});
  EXPECT_EQ(khelp_hook_resume(list.get(), hook), 0);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(called, 1);
}

TEST(hook_list, who_has_no_name_is_said_to_have_none) {
  const listening log;
  test_list list(nullptr);
  action throwing = [] { throw std::runtime_error("no"); };
  list.add(throwing);
  EXPECT_EQ(list.run(), 0);
  EXPECT_EQ(
      log.got,
      messages{"a hook list without a name: a hook without a name threw and is suspended: no (" +
               this_thread() + ")"});
}

TEST(hook_list, one_run_alone_refuses_another_and_one_from_inside) {
  test_list list;
  std::latch inside(1);
  std::latch go_on(1);
  int nested = 0;
  action slow = [&] {
    nested = list.run(KHELP_HOOK_ALONE);
    inside.count_down();
    go_on.wait();
  };
  list.add(slow);
  std::thread runner([&] { EXPECT_EQ(list.run(KHELP_HOOK_ALONE), 0); });
  inside.wait();
  EXPECT_EQ(list.run(KHELP_HOOK_ALONE), EBUSY);
  EXPECT_EQ(nested, EBUSY);
  go_on.count_down();
  runner.join();
  action nothing = [] {};
  list.free();
  test_list next;
  next.add(nothing);
  EXPECT_EQ(next.run(KHELP_HOOK_ALONE), 0);
  EXPECT_EQ(next.run(KHELP_HOOK_ALONE), 0);
}

TEST(hook_list, a_thread_cancelled_inside_a_hook_leaves_nothing_behind) {
  test_list list;
  action cancelled = [] {
    pthread_cancel(pthread_self());
    pthread_testcancel();
  };
  khelp_hook* hook = list.add(cancelled);
  pthread_t thread{};
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* arg) -> void* {
                  static_cast<test_list*>(arg)->run(KHELP_HOOK_ALONE);
                  return nullptr;
                },
                &list),
            0);
  void* ended = nullptr;
  pthread_join(thread, &ended);
  EXPECT_EQ(ended, PTHREAD_CANCELED);
  EXPECT_EQ(list.remove(hook), 0);
  EXPECT_EQ(list.run(KHELP_HOOK_ALONE), 0);
}

TEST(hook_list, in_the_child_of_a_fork_nobody_else_is_in_a_hook) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  test_list list;
  std::latch inside(1);
  std::latch go_on(1);
  action slow = [&] {
    inside.count_down();
    go_on.wait();
  };
  khelp_hook* hook = list.add(slow);
  std::thread runner([&] { list.run(KHELP_HOOK_ALONE); });
  inside.wait();
  const pid_t child = fork();
  if (child == 0) {
    const bool removed = list.remove(hook) == 0;
    int called = 0;
    action counting = [&] { ++called; };
    list.add(counting);
    const bool ran = list.run(KHELP_HOOK_ALONE) == 0;
    _exit(removed && ran && called == 1 && list.free() == 0 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  go_on.count_down();
  runner.join();
}

TEST(hook_list, a_fork_from_inside_a_hook_lets_parent_and_child_go_on) {
  test_list list;
  int status = -1;
  int called = 0;
  action forking = [&] {
    const pid_t child = fork();
    if (child == 0)
      return;
    waitpid(child, &status, 0);
  };
  action next = [&] { ++called; };
  khelp_hook* hook = list.add(forking);
  list.add(next);
  const pid_t parent = getpid();
  list.run();
  const bool good = called == 1 && list.remove(hook) == 0 && list.free() == 0;
  if (getpid() != parent)
    _exit(good ? 0 : 1);
  EXPECT_TRUE(good);
  EXPECT_EQ(status, 0);
}

// ---- what it costs ----

TEST(hook_list, a_list_that_is_filled_is_copied_when_it_has_doubled_and_not_for_each_hook) {
  constexpr unsigned hooks = 1000;
  test_list list;
  int called = 0;
  action counting = [&] { ++called; };
  unsigned copies = 0;
  const void* array = nullptr;
  for (unsigned i = 0; i < hooks; ++i) {
    list.add(counting);
    copies += list.get()->hooks != array ? 1 : 0;
    array = list.get()->hooks;
  }
  EXPECT_LE(copies, 10u);
  list.run();
  EXPECT_EQ(called, 1000);
}

TEST(hook_list, a_run_under_way_does_not_see_what_is_added_to_the_array_it_uses) {
  test_list list;
  int called = 0;
  action counting = [&] { ++called; };
  action adding = [&] {
    const void* const array = list.get()->hooks;
    list.add(counting);
    EXPECT_EQ(list.get()->hooks, array) << "there was room";
  };
  list.add(adding);
  list.run();
  EXPECT_EQ(called, 0);
  list.run(KHELP_HOOK_REVERSE);
  EXPECT_EQ(called, 1);
}

// ---- the process's lists ----

namespace {

// Runs `body` in a child that ends by exit(3), and returns what it wrote to its descriptor.
std::string written_by_child(void (*body)(int fd)) {
  int ends[2];
  if (pipe(ends) != 0)
    return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    body(ends[1]);
    _exit(1);
  }
  close(ends[1]);
  std::string written;
  char piece[64];
  for (ssize_t n = 0; (n = read(ends[0], piece, sizeof piece)) > 0;)
    written.append(piece, static_cast<std::size_t>(n));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return written;
}

int to = -1;
void write_word(void* word) {
  const auto* words = static_cast<const char*>(word);
  if (write(to, words, std::strlen(words)) < 0)
    _exit(2);
}
void write_event(void* event, void* word) {
  auto& e = *static_cast<khelp_process_event*>(event);
  write_word(word);
  write_word(const_cast<char*>(e.pid == getpid() && e.parent == getppid() ? "! " : "? "));
}
void add_to_process(int which, const char* word) {
  khelp_hook_list* list = khelp_hooks_of_process(which);
  if (which == KHELP_HOOKS_SHUTDOWN)
    khelp_hook_register(list, write_word, const_cast<char*>(word));
  else
    khelp_hook_proc_register(list, write_event, const_cast<char*>(word));
}

}  // namespace

TEST(hook_list, at_exit_the_process_runs_its_exit_hooks_then_its_shutdown_hooks_newest_first) {
  EXPECT_EQ(written_by_child([](int fd) {
              to = fd;
              add_to_process(KHELP_HOOKS_SHUTDOWN, "s1 ");
              add_to_process(KHELP_HOOKS_EXIT, "e1");
              add_to_process(KHELP_HOOKS_SHUTDOWN, "s2 ");
              add_to_process(KHELP_HOOKS_EXIT, "e2");
              std::exit(0);
            }),
            "e2! e1! s2 s1 ");
}

// write(2) is a cancellation point.
TEST(hook_list, a_thread_that_is_cancelled_still_ends_the_process_or_forks_with_all_hooks) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  EXPECT_EQ(written_by_child([](int fd) {
              to = fd;
              add_to_process(KHELP_HOOKS_SHUTDOWN, "s ");
              add_to_process(KHELP_HOOKS_EXIT, "e");
              add_to_process(KHELP_HOOKS_FORK, "f");
              pthread_t thread{};
              pthread_create(
                  &thread, nullptr,
                  [](void*) -> void* {
                    pthread_cancel(pthread_self());
                    if (fork() == 0)
                      std::exit(0);
                    pthread_testcancel();
                    return nullptr;
                  },
                  nullptr);
              pthread_join(thread, nullptr);
              wait(nullptr);
              _exit(0);
            }),
            "f! e! s ");
}

TEST(hook_list, shutdown_hooks_that_the_program_ran_do_not_run_again) {
  EXPECT_EQ(written_by_child([](int fd) {
              to = fd;
              add_to_process(KHELP_HOOKS_SHUTDOWN, "s1 ");
              khelp_hook_run(khelp_hooks_of_process(KHELP_HOOKS_SHUTDOWN), KHELP_HOOK_UNREGISTER,
                             nullptr, nullptr);
              add_to_process(KHELP_HOOKS_SHUTDOWN, "s2 ");
              std::exit(0);
            }),
            "s1 s2 ");
}

TEST(hook_list, a_forks_child_runs_the_fork_hooks_newest_first_and_its_parent_does_not) {
  EXPECT_EQ(written_by_child([](int fd) {
              to = fd;
              add_to_process(KHELP_HOOKS_FORK, "f1");
              add_to_process(KHELP_HOOKS_FORK, "f2");
              if (fork() == 0)
                _exit(0);
              wait(nullptr);
              _exit(0);
            }),
            "f2! f1! ");
}

TEST(hook_list, the_process_has_four_lists_and_they_stay_the_same) {
  khelp_hook_list* power = khelp_hooks_of_process(KHELP_HOOKS_POWER);
  EXPECT_NE(power, nullptr);
  EXPECT_EQ(khelp_hooks_of_process(KHELP_HOOKS_POWER), power);
  EXPECT_EQ(khelp_hooks_of_process(-1), nullptr);
  EXPECT_EQ(khelp_hooks_of_process(4), nullptr);
  EXPECT_STREQ(khelp_failure_text(), "the process has no such hook list");
}

TEST(hook_list, the_process_s_lists_are_not_freed) {
  const listening log;
  khelp_hook_list* power = khelp_hooks_of_process(KHELP_HOOKS_POWER);
  int called = 0;
  action counting = [&] { ++called; };
  khelp_hook* hook = khelp_hook_register(power, act, &counting);
  EXPECT_EQ(khelp_hook_free(power), EINVAL);
  EXPECT_STREQ(khelp_failure_text(), "hook list: the process's own stay");
  EXPECT_EQ(log.got.size(), 1u);
  EXPECT_EQ(khelp_hook_run(power, 0, nullptr, nullptr), 0);
  EXPECT_EQ(called, 1);
  EXPECT_EQ(khelp_hook_unregister(power, hook, 0), 0);
}
