#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <khelp/hook_list.hpp>
#include <khelp/khelp.h>

namespace {

using words = std::vector<std::string>;

struct two_hooks {
  words said;
  khelp::hook_list<const std::string&, int> list{"greetings"};
  khelp::hook_handle first = *list.add(
      [this](const std::string& who, int n) { said.push_back("hello " + who + std::to_string(n)); },
      0x1);
  khelp::hook_handle second =
      *list.add([this](const std::string& who, int) { said.push_back("bye " + who); }, 0x2);
};

}  // namespace

TEST(hook_list_hpp, calls_its_callables_with_the_arguments_in_either_order) {
  two_hooks t;
  t.list("ann", 1);
  t.list.run({.newest_first = true}, "bob", 2);
  EXPECT_EQ(t.said, (words{"hello ann1", "bye ann", "bye bob", "hello bob2"}));
}

TEST(hook_list_hpp, hooks_may_change_an_argument_taken_by_reference) {
  khelp::hook_list<int&> list;
  const auto doubling = list.add([](int& n) { n *= 2; });
  const auto adding = list.add([](int& n) { n += 1; });
  int n = 5;
  list(n);
  EXPECT_EQ(n, 11);
}

TEST(hook_list_hpp, what_is_passed_by_value_is_one_object_for_all_hooks_and_is_not_copied) {
  khelp::hook_list<std::unique_ptr<int>> list;
  const int* first = nullptr;
  const int* second = nullptr;
  const auto looking = list.add([&](std::unique_ptr<int>& n) { first = n.get(); });
  const auto taking = list.add([&](std::unique_ptr<int>& n) { second = std::move(n).get(); });
  list(std::make_unique<int>(1));
  EXPECT_NE(first, nullptr);
  EXPECT_EQ(first, second);
  list.run({.newest_first = true}, std::make_unique<int>(2));
  EXPECT_NE(second, nullptr);
}

TEST(hook_list_hpp, an_rvalue_is_the_callers_own_object) {
  khelp::hook_list<std::string&&> list;
  const auto adding = list.add([](std::string& s) { s += "!"; });
  std::string word = "go";
  list(std::move(word));
  EXPECT_EQ(word, "go!");
}

TEST(hook_list_hpp, a_hook_of_no_kind_is_called_by_passes_that_do_not_choose) {
  khelp::hook_list<> list;
  int called = 0;
  const auto kindless = list.add([&called] { ++called; }, 0);
  list.run({.kinds = 0x1});
  EXPECT_EQ(called, 0);
  list();
  EXPECT_EQ(called, 1);
}

TEST(hook_list_hpp, a_pass_chooses_by_kind_and_may_take_off_what_it_calls) {
  two_hooks t;
  t.list.run({.once = true, .kinds = 0x2}, "ann", 1);
  EXPECT_EQ(t.said, words{"bye ann"});
  EXPECT_EQ(t.list.size(), 1u);
  t.list("bob", 2);
  EXPECT_EQ(t.said, (words{"bye ann", "hello bob2"}));
  EXPECT_EQ(t.second.remove().error().code, ENOENT);
}

TEST(hook_list_hpp, a_handle_takes_its_hook_off_and_destroys_the_callable) {
  khelp::hook_list<> list;
  auto owned = std::make_shared<int>(0);
  {
    const auto handle = list.add([owned] { ++*owned; });
    EXPECT_EQ(owned.use_count(), 2);
    list();
  }
  EXPECT_EQ(owned.use_count(), 1);
  list();
  EXPECT_EQ(*owned, 1);
  EXPECT_TRUE(list.empty());
}

TEST(hook_list_hpp, handles_move_and_may_be_detached) {
  khelp::hook_list<> list;
  int called = 0;
  khelp::hook_handle kept;
  {
    auto handle = list.add([&called] { ++called; });
    kept = std::move(*handle);
    auto forgotten = list.add([&called] { called += 10; });
    forgotten->detach();
  }
  list();
  EXPECT_EQ(called, 11);
}

TEST(hook_list_hpp, a_handle_that_is_given_another_hook_takes_its_own_off) {
  khelp::hook_list<> list;
  words said;
  auto a = *list.add([&] { said.push_back("a"); });
  auto b = *list.add([&] { said.push_back("b"); });
  a = std::move(b);
  list();
  EXPECT_EQ(said, words{"b"});
  EXPECT_EQ(list.size(), 1u);
  auto& same = a;
  a = std::move(same);
  EXPECT_EQ(list.size(), 1u);
  EXPECT_TRUE(a.remove());
}

TEST(hook_list_hpp, a_handle_without_a_hook_says_so) {
  khelp::hook_handle empty;
  EXPECT_EQ(khelp_hook_resume(nullptr, nullptr), ENOENT);  // leaves words behind
  EXPECT_EQ(empty.remove().error().code, ENOENT);
  EXPECT_EQ(empty.remove().error().detail, "hook list: the handle has no hook");
}

TEST(hook_list_hpp, a_handle_may_outlive_its_list) {
  auto list = std::make_unique<khelp::hook_list<>>();
  auto owned = std::make_shared<int>(0);
  auto handle = list->add([owned] {});
  list.reset();
  EXPECT_EQ(owned.use_count(), 1);
  EXPECT_EQ(handle->remove().error().code, ENOENT);
}

TEST(hook_list_hpp, a_hook_that_lets_go_of_its_own_handle_lives_until_it_returns) {
  khelp::hook_list<> list;
  auto owned = std::make_shared<int>(0);
  khelp::hook_handle handle;
  handle = *list.add([&handle, owned] {
    const khelp::hook_handle gone = std::move(handle);
    *owned = 1;
  });
  list();
  EXPECT_EQ(*owned, 1);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(owned.use_count(), 1);
}

TEST(hook_list_hpp, a_list_destroyed_by_its_own_hook_calls_no_further_one) {
  auto list = std::make_unique<khelp::hook_list<>>();
  int called = 0;
  auto first = list->add([&] {
    ++called;
    list.reset();
  });
  auto second = list->add([&] { ++called; });
  auto* running = list.get();
  (*running)();
  EXPECT_EQ(called, 1);
}

TEST(hook_list_hpp, a_callable_that_throws_is_suspended_and_resumed_by_its_handle) {
  khelp::hook_list<bool> list;
  int called = 0;
  auto handle = list.add([&called](bool fails) {
    ++called;
    if (fails)
      throw std::runtime_error("no");
  });
  list(true);
  list(false);
  EXPECT_EQ(called, 1);
  EXPECT_TRUE(handle->resume());
  list(false);
  EXPECT_EQ(called, 2);
  EXPECT_EQ(handle->resume().error().code, EALREADY);
}
