// A point that ends inside its own hook, with its memory.
#include <cerrno>
#include <cstdint>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <new>
#include <stdexcept>
#include <sys/mman.h>
#include <thread>

#include <khelp/hook_list.hpp>
#include <khelp/khelp.hpp>
#include <khelp/vnet.h>

struct finished {
  int times;
};
KHELP_EVENT(finished, times);

namespace {

constexpr std::size_t page_size = 4096;

// An object on a page of its own, which is gone once the object is: whoever looks there faults.
struct sender {
  khelp::hook_point<finished> done{"point_ends.done"};

  static sender* make() {
    void* page =
        mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    auto* made = new (page) sender;
    EXPECT_TRUE(made->done.open());
    return made;
  }
  void end() {
    this->~sender();
    munmap(this, page_size);
  }
};

std::function<void()> in_the_hook;
int call(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  in_the_hook();
  return 0;
}

// A hook of nobody at every point of the name, old and new.
class point_ends : public testing::Test {
 protected:
  point_ends() {
    hook_.size = sizeof hook_;
    hook_.point = "point_ends.done";
    hook_.hook.hook_func = call;
    EXPECT_EQ(khelp_hhook_add_hook_x(&hook_, 0), 0);
    EXPECT_EQ(khelp_hhook_name("point_ends.done", &hook_.hook.hook_type, &hook_.hook.hook_id), 0);
  }
  ~point_ends() override {
    EXPECT_EQ(khelp_hhook_remove_hook_x(&hook_.hook, nullptr), 0);
    EXPECT_EQ(khelp_reap(), 0u);
  }
  // What would look at points that ended.
  static void ordinary_calls() {
    khelp_hhook_head* another = nullptr;
    EXPECT_EQ(khelp_hhook_head_register(KHELP_HHOOK_TYPE_APP + 0x500000, 0, &another, 0), 0);
    khelp_hookinfo hook{};
    hook.hook_func = call;
    EXPECT_EQ(khelp_hhook_add_hook(another, &hook, 0), 0);
    EXPECT_EQ(khelp_hhook_remove_hook(another, &hook), 0);
    EXPECT_EQ(khelp_hhook_synchronize(nullptr), 0);
    EXPECT_EQ(khelp_hhook_head_deregister(another), 0);
    EXPECT_EQ(khelp_stats_hooks([](void*, const khelp_hook_stat*) {}, nullptr), 0);
  }

  khelp_hookinfo_x hook_{};
  finished event_{1};
};

}  // namespace

TEST_F(point_ends, in_its_own_hook_and_its_memory_is_not_touched_any_more) {
  sender* s = sender::make();
  in_the_hook = [&] { s->end(); };
  s->done(event_);
  ordinary_calls();
  EXPECT_EQ(khelp_reap(), 0u) << "and nothing of it is left";
}

TEST_F(point_ends, in_its_own_hook_which_then_throws) {
  sender* s = sender::make();
  in_the_hook = [&] {
    s->end();
    throw std::runtime_error("gone");
  };
  EXPECT_EQ(s->done.decide(event_), 0);
  ordinary_calls();
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_F(point_ends, in_a_nested_run_while_the_outer_one_goes_on) {
  sender* s = sender::make();
  int depth = 0;
  in_the_hook = [&] {
    if (++depth < 3)
      s->done(event_);
    else
      s->end();
  };
  s->done(event_);
  EXPECT_EQ(depth, 3);
  ordinary_calls();
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_F(point_ends, and_others_look_on_while_its_run_still_goes_on) {
  sender* s = sender::make();
  in_the_hook = [&] {
    s->end();
    std::thread([] { khelp_reap(); }).join();
  };
  s->done(event_);
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_F(point_ends, and_another_begins_in_its_place_in_the_same_hook) {
  alignas(sender) unsigned char place[sizeof(sender)];
  auto* first = new (place) sender;
  ASSERT_TRUE(first->done.open());
  sender* second = nullptr;
  int calls = 0;
  in_the_hook = [&] {
    if (++calls > 1)
      return;
    first->~sender();
    second = new (place) sender;
    EXPECT_TRUE(second->done.open()) << "the storage is free again";
    second->done(event_);
  };
  first->done(event_);
  EXPECT_EQ(calls, 2);
  ordinary_calls();
  second->done(event_);
  EXPECT_EQ(calls, 3);
  second->~sender();
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_F(point_ends, of_an_instance_in_its_own_hook) {
  khelp_vnet* instance = khelp_vnet_alloc(nullptr);
  ASSERT_NE(instance, nullptr);
  khelp_vnet_set_current(instance);
  void* page = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  auto* s = new (page) sender;
  EXPECT_TRUE(s->done.open_in_instance());
  khelp_vnet_set_current(nullptr);
  in_the_hook = [&] { s->end(); };
  s->done(event_);
  ordinary_calls();
  EXPECT_EQ(khelp_vnet_destroy(instance), 0);
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST_F(point_ends, while_a_removal_waits_for_it) {
  sender* s = sender::make();
  std::latch inside(1);
  std::latch go_on(1);
  in_the_hook = [&] {
    inside.count_down();
    s->end();
    go_on.wait();
  };
  std::thread runner([&] { s->done(event_); });
  inside.wait();
  // It waits for the run of a point that is not there any more.
  std::thread remover([&] { EXPECT_EQ(khelp_hhook_remove_hook_x(&hook_.hook, nullptr), 0); });
  go_on.count_down();
  runner.join();
  remover.join();
  EXPECT_EQ(khelp_hhook_add_hook_x(&hook_, 0), 0);
  EXPECT_EQ(khelp_reap(), 0u);
}

TEST(hook_list_ends, in_its_own_hook_and_the_object_around_it_with_it) {
  struct owner {
    khelp::hook_list<int> list{"ends"};
  };
  static owner* o;
  void* page = mmap(nullptr, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  o = new (page) owner;
  static int calls = 0;
  const auto last_call = [](int) {
    ++calls;
    o->~owner();
    munmap(o, page_size);
  };
  for (int i = 0; i < 2; ++i)
    o->list.add(last_call).value().detach();
  o->list(1);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(khelp_reap(), 0u);
}
