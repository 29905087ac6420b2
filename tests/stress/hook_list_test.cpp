// Hook lists under many threads: hooks come and go, remove themselves, are taken by one-shot runs
// and throw, while four threads run them.
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <khelp/hook_list.h>
#include <khelp/khelp.h>

#include "rig.hpp"

namespace {

using clock = std::chrono::steady_clock;
constexpr int threads = 4;

// What a hook owns: poisoned when it is released, so that a late call shows.
struct owned {
  khelp_hook_list* list;
  // In the owner's array, which outlives this.
  std::atomic<khelp_hook*>* self;
  std::atomic<bool> alive{true};
  std::atomic<int>* live;
  std::atomic<int>* late_calls;
  unsigned nature;
};

void be_called(void* arg) {
  auto& o = *static_cast<owned*>(arg);
  if (!o.alive)
    ++*o.late_calls;
  if (o.nature % 16 == 1)
    khelp_hook_unregister(o.list, *o.self, 0);
  if (o.nature % 16 == 2)
    throw 1;
  if (o.nature % 16 == 3)
    std::this_thread::yield();
}
void be_released(void* arg) {
  auto* o = static_cast<owned*>(arg);
  o->alive = false;
  --*o->live;
  delete o;
}

struct shared {
  std::array<std::atomic<khelp_hook*>, 4096> handles{};
  std::atomic<unsigned> next{0};
  khelp_hook_list* list = khelp_hook_alloc("stress");
  std::atomic<int> live{0};
  std::atomic<int> late_calls{0};
};

khelp_hook* add(shared& s, unsigned nature) {
  auto& self = s.handles[s.next++ % s.handles.size()];
  auto* o = new owned{.list = s.list,
                      .self = &self,
                      .live = &s.live,
                      .late_calls = &s.late_calls,
                      .nature = nature};
  ++s.live;
  khelp_hook_x x{};
  x.size = sizeof x;
  x.callback = be_called;
  x.arg = o;
  x.release = be_released;
  khelp_hook* hook = khelp_hook_register_x(s.list, &x);
  self = hook;
  return hook;
}

}  // namespace

TEST(hook_list,
     hooks_that_come_and_go_under_four_threads_are_released_once_and_never_called_after) {
  shared s;
  const auto until = clock::now() + stress::budget(std::chrono::milliseconds(1500));
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t) {
    all.emplace_back([&s, t, until] {
      std::mt19937 dice(t + 1);
      std::vector<khelp_hook*> mine;
      while (clock::now() < until) {
        const unsigned roll = dice();
        switch (roll % 8) {
          case 0:
          case 1:
            if (mine.size() < 16)
              mine.push_back(add(s, dice()));
            break;
          case 2:
            if (!mine.empty()) {
              const int answer = khelp_hook_unregister(s.list, mine.back(), 0);
              EXPECT_TRUE(answer == 0 || answer == ENOENT);
              mine.pop_back();
            }
            break;
          case 3:
            khelp_hook_run(s.list, KHELP_HOOK_REVERSE, nullptr, nullptr);
            break;
          case 4:
            if (roll % 64 == 4)
              khelp_hook_run(s.list, KHELP_HOOK_UNREGISTER, nullptr, nullptr);
            break;
          case 5: {
            const int answer = khelp_hook_run(s.list, KHELP_HOOK_ALONE, nullptr, nullptr);
            EXPECT_TRUE(answer == 0 || answer == EBUSY);
            break;
          }
          default:
            khelp_hook_run(s.list, 0, nullptr, nullptr);
        }
      }
    });
  }
  for (auto& thread : all)
    thread.join();
  EXPECT_EQ(khelp_hook_free(s.list), 0);
  stress::reap_all();
  EXPECT_EQ(s.live, 0);
  EXPECT_EQ(s.late_calls, 0);
}

TEST(hook_list, one_shot_runs_of_four_threads_call_each_hook_exactly_once) {
  const auto until = clock::now() + stress::budget(std::chrono::milliseconds(800));
  khelp_hook_list* list = khelp_hook_alloc("once");
  std::atomic<int> called{0};
  std::atomic<int> added{0};
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&] {
      while (clock::now() < until) {
        for (int i = 0; i < 8; ++i) {
          ++added;
          ASSERT_NE(khelp_hook_register(
                        list, [](void* arg) { ++*static_cast<std::atomic<int>*>(arg); }, &called),
                    nullptr);
        }
        khelp_hook_run(list, KHELP_HOOK_UNREGISTER, nullptr, nullptr);
      }
    });
  }
  for (auto& thread : all)
    thread.join();
  khelp_hook_run(list, KHELP_HOOK_UNREGISTER, nullptr, nullptr);
  EXPECT_EQ(called, added);
  EXPECT_EQ(khelp_hook_free(list), 0);
}
