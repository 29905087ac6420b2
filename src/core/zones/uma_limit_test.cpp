// Limits: who is refused, who sleeps, who is woken first; warnings and actions.
#include <algorithm>
#include <atomic>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <khelp/log.h>
#include <khelp/uma.h>

#include "core/zones/uma_zone.hpp"

namespace {

khelp_uma_zone_t limited_zone(int limit) {
  khelp_uma_zone_t zone =
      khelp_uma_zcreate("limited", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
  EXPECT_EQ(khelp_uma_zone_set_max(zone, limit), limit);
  return zone;
}

std::vector<void*> fill(khelp_uma_zone_t zone) {
  std::vector<void*> items;
  while (void* item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT))
    items.push_back(item);
  return items;
}

void free_all(khelp_uma_zone_t zone, std::vector<void*>& items) {
  for (void* item : items)
    khelp_uma_zfree(zone, item);
  items.clear();
}

std::uint64_t sleeps_of(khelp_uma_zone_t zone) {
  const khelp::lock_guard held(zone->lock);
  return zone->sleeps;
}

void wait_for_sleeps(khelp_uma_zone_t zone, std::uint64_t n) {
  while (sleeps_of(zone) < n)
    std::this_thread::yield();
}

TEST(uma_limit, conformance_37_nowait_gets_null_at_the_limit_and_an_item_when_one_was_freed) {
  for (int limit : {1, 3, 100, 5000}) {
    khelp_uma_zone_t zone = limited_zone(limit);
    for (int round = 0; round < 3; ++round) {
      std::vector<void*> items = fill(zone);
      EXPECT_EQ(items.size(), static_cast<std::size_t>(limit));
      khelp_uma_zfree(zone, items.back());
      items.back() = khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
      EXPECT_NE(items.back(), nullptr);
      EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
      free_all(zone, items);
    }
    EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
  }
}

TEST(uma_limit, there_is_none_until_it_is_set_and_0_clears_it) {  // U-2
  khelp_uma_zone_t zone = khelp_uma_zcreate("free", 64, nullptr, nullptr, nullptr, nullptr, 0, 0);
  EXPECT_EQ(khelp_uma_zone_get_max(zone), 0);
  EXPECT_EQ(khelp_uma_zone_set_max(zone, 2), 2);
  EXPECT_EQ(khelp_uma_zone_get_max(zone), 2);
  std::vector<void*> items = fill(zone);
  EXPECT_EQ(items.size(), 2u);
  EXPECT_EQ(khelp_uma_zone_set_max(zone, 0), 0);
  items.push_back(khelp_uma_zalloc(zone, KHELP_M_NOWAIT));
  EXPECT_NE(items.back(), nullptr);
  free_all(zone, items);
  khelp_uma_zdestroy(zone);
}

TEST(uma_limit, items_free_in_another_threads_cache_are_not_in_the_way) {
  khelp_uma_zone_t zone = limited_zone(3000);
  std::latch cached(1);
  std::latch done(1);
  std::thread other([&] {
    std::vector<void*> items = fill(zone);
    free_all(zone, items);
    cached.count_down();
    done.wait();
  });
  cached.wait();
  std::vector<void*> items = fill(zone);
  EXPECT_EQ(items.size(), 3000u);
  free_all(zone, items);
  done.count_down();
  other.join();
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, a_limit_set_on_a_zone_in_use_counts_what_is_out) {
  khelp_uma_zone_t zone = limited_zone(0);
  std::vector<void*> items;
  for (int i = 0; i < 500; ++i)
    items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  for (int i = 0; i < 200; ++i) {
    khelp_uma_zfree(zone, items.back());
    items.pop_back();
  }
  khelp_uma_zone_set_max(zone, 301);
  items.push_back(khelp_uma_zalloc(zone, KHELP_M_NOWAIT));
  EXPECT_NE(items.back(), nullptr);
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  khelp_uma_zone_set_max(zone, 100);
  while (items.size() > 100) {
    khelp_uma_zfree(zone, items.back());
    items.pop_back();
    EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr) << items.size();
    if (items.size() == 101)
      break;
  }
  khelp_uma_zfree(zone, items.back());
  khelp_uma_zfree(zone, items.front());
  items.front() = items[items.size() - 2];
  items.resize(items.size() - 2);
  void* item = khelp_uma_zalloc(zone, KHELP_M_NOWAIT);
  EXPECT_NE(item, nullptr);
  khelp_uma_zfree(zone, item);
  free_all(zone, items);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

// Threads that sleep for one item each, in a known order.
class sleepers {
 public:
  sleepers(khelp_uma_zone_t zone, int count) : zone_(zone) {
    for (int i = 0; i < count; ++i) {
      threads_.emplace_back([this, i] {
        void* item = khelp_uma_zalloc(zone_, KHELP_M_WAITOK);
        const std::lock_guard held(mutex_);
        order_.push_back(i);
        items_.push_back(item);
      });
      wait_for_sleeps(zone, static_cast<std::uint64_t>(i) + 1);
    }
  }
  void wait_for(std::size_t served) {
    while (order().size() < served)
      std::this_thread::yield();
  }
  std::vector<int> order() {
    const std::lock_guard held(mutex_);
    return order_;
  }
  std::vector<void*> join() {
    for (std::thread& t : threads_)
      t.join();
    return items_;
  }

 private:
  khelp_uma_zone_t zone_;
  std::mutex mutex_;
  std::vector<int> order_;
  std::vector<void*> items_;
  std::vector<std::thread> threads_;
};

TEST(uma_limit, conformance_37_waitok_sleeps_and_is_served_first_come_first_served) {
  khelp_uma_zone_t zone = limited_zone(5);
  std::vector<void*> items = fill(zone);
  EXPECT_EQ(khelp_uma_zone_exhausted(zone), 0);
  sleepers waiting(zone, 5);
  EXPECT_EQ(khelp_uma_zone_exhausted(zone), 1);
  EXPECT_EQ(waiting.order().size(), 0u);
  for (std::size_t i = 0; i < 5; ++i) {
    khelp_uma_zfree(zone, items.back());
    items.pop_back();
    EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr) << "others were here before";
    waiting.wait_for(i + 1);
  }
  EXPECT_EQ(waiting.order(), (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(khelp_uma_zone_exhausted(zone), 0);
  std::vector<void*> got = waiting.join();
  free_all(zone, got);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, raising_the_limit_wakes_as_many_as_it_makes_room_for) {
  khelp_uma_zone_t zone = limited_zone(1);
  std::vector<void*> items = fill(zone);
  sleepers waiting(zone, 3);
  khelp_uma_zone_set_max(zone, 2);
  waiting.wait_for(1);
  EXPECT_EQ(khelp_uma_zone_exhausted(zone), 1);
  EXPECT_EQ(waiting.order(), std::vector<int>{0});
  khelp_uma_zone_set_max(zone, 0);
  waiting.wait_for(3);
  EXPECT_EQ(khelp_uma_zone_exhausted(zone), 0);
  std::vector<void*> got = waiting.join();
  free_all(zone, got);
  free_all(zone, items);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, an_item_freed_by_a_thread_with_an_open_cache_reaches_a_sleeper) {
  // Large enough that caches are used until the limit is hit.
  khelp_uma_zone_t zone = limited_zone(2000);
  std::latch holds(1);
  std::latch asleep(1);
  std::thread owner([&] {
    std::vector<void*> items;
    for (int i = 0; i < 1000; ++i)
      items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    for (int i = 0; i < 100; ++i) {
      khelp_uma_zfree(zone, items.back());
      items.pop_back();
    }
    holds.count_down();
    asleep.wait();
    free_all(zone, items);
  });
  holds.wait();
  std::vector<void*> items = fill(zone);
  EXPECT_EQ(items.size(), 1100u);
  sleepers waiting(zone, 1);
  asleep.count_down();
  waiting.wait_for(1);
  owner.join();
  std::vector<void*> got = waiting.join();
  free_all(zone, got);
  free_all(zone, items);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, many_threads_never_have_more_items_than_the_limit) {
  khelp_uma_zone_t zone = limited_zone(3);
  std::atomic<int> out{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        void* one = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
        const int now = ++out;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        --out;
        khelp_uma_zfree(zone, one);
      }
    });
  }
  for (std::thread& t : threads)
    t.join();
  EXPECT_LE(most, 3);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, caches_of_a_large_limit_open_again_after_it_was_hit) {
  khelp_uma_zone_t zone = limited_zone(3000);
  std::vector<void*> items = fill(zone);
  free_all(zone, items);
  items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  khelp_uma_zfree(zone, items.back());
  {
    const khelp::lock_guard held(zone->lock);
    EXPECT_FALSE(zone->tight);
    EXPECT_GT(zone->out, 0u) << "free, and in a cache";
  }
  khelp_uma_zdestroy(zone);
}

// What is logged while it lives.
class log_lines {
 public:
  log_lines() {
    khelp_log_set_sink(
        [](void* arg, int, const char* words) {
          static_cast<log_lines*>(arg)->lines.emplace_back(words);
        },
        this);
  }
  ~log_lines() { khelp_log_set_sink(nullptr, nullptr); }
  std::vector<std::string> lines;
};

TEST(uma_limit, conformance_37_the_warning_is_logged_at_most_once_in_300_seconds) {
  log_lines log;
  khelp_uma_zone_t zone = limited_zone(1);
  khelp_uma_zone_set_warning(zone, "too many sockets");
  std::vector<void*> items = fill(zone);
  ASSERT_EQ(log.lines, std::vector<std::string>{"[zone: limited] too many sockets"});
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  EXPECT_EQ(log.lines.size(), 1u);
  const auto let_pass = [&](std::int64_t seconds) {
    const khelp::lock_guard held(zone->lock);
    zone->warned_at -= seconds;
  };
  let_pass(298);
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  EXPECT_EQ(log.lines.size(), 1u);
  let_pass(2);
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  EXPECT_EQ(log.lines.size(), 2u);
  free_all(zone, items);
  khelp_uma_zdestroy(zone);
}

// Promise 9: the sink's process may have its own memory in zones.
TEST(uma_limit, the_log_is_told_of_the_limit_and_of_leaks_without_a_lock) {
  khelp_uma_zone_t zone = limited_zone(2);
  khelp_uma_zone_set_warning(zone, "too many sockets");
  struct listener {
    khelp_uma_zone_t zone;
    int told = 0;
  } here{zone};
  khelp_log_set_sink(
      [](void* arg, int, const char*) {
        auto& to = *static_cast<listener*>(arg);
        ++to.told;
        EXPECT_GE(khelp_uma_zone_get_cur(to.zone), 2);
        khelp_uma_stats([](void*, const khelp_uma_stat*) {}, nullptr);
      },
      &here);
  fill(zone);
  khelp_uma_zdestroy(zone);
  khelp_log_set_sink(nullptr, nullptr);
  EXPECT_EQ(here.told, 2);
}

TEST(uma_limit, warnings_can_be_switched_off_for_the_process) {
  log_lines log;
  khelp_uma_zone_t zone = limited_zone(1);
  khelp_uma_zone_set_warning(zone, "unheard");
  khelp_uma_set_warnings(0);
  std::vector<void*> items = fill(zone);
  EXPECT_TRUE(log.lines.empty());
  khelp_uma_set_warnings(1);
  EXPECT_EQ(khelp_uma_zalloc(zone, KHELP_M_NOWAIT), nullptr);
  EXPECT_EQ(log.lines.size(), 1u);
  free_all(zone, items);
  khelp_uma_zdestroy(zone);
}

void* to_free = nullptr;
int actions = 0;

TEST(uma_limit, the_action_runs_without_a_lock_and_may_make_room) {
  khelp_uma_zone_t zone = limited_zone(1);
  to_free = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  actions = 0;
  khelp_uma_zone_set_maxaction(zone, [](khelp_uma_zone_t z, int pending) {
    EXPECT_EQ(pending, 1);
    ++actions;
    khelp_uma_zfree(z, std::exchange(to_free, nullptr));
  });
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_NE(item, nullptr);
  EXPECT_EQ(actions, 1);
  EXPECT_EQ(sleeps_of(zone), 0u);
  khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_limit, refusals_count_as_failures_and_not_as_allocations) {
  khelp_uma_zone_t zone = limited_zone(2);
  std::vector<void*> items = fill(zone);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 2);
  {
    const khelp::lock_guard held(zone->lock);
    EXPECT_EQ(zone->fails, 1u);
    EXPECT_EQ(zone->total_allocs(), 2u);
  }
  free_all(zone, items);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  khelp_uma_zdestroy(zone);
}

}  // namespace
