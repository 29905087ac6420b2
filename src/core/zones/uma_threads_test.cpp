// Zones between threads: items that cross, threads that end, caches that others empty, forks.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <functional>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <random>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/uma.h>

#include "core/zones/uma.hpp"
#include "core/zones/uma_registry.hpp"
#include "core/zones/uma_zone.hpp"
#include "sync/thread_record.hpp"

namespace {

using namespace khelp;

khelp_uma_zone_t plain_zone(std::size_t size = 64) {
  return khelp_uma_zcreate("threads", size, nullptr, nullptr, nullptr, nullptr, 0, 0);
}

std::uint64_t out_of(khelp_uma_zone_t zone) {
  const khelp::lock_guard held(zone->lock);
  return zone->out;
}

std::uint64_t free_in_slabs(khelp_uma_zone_t zone) {
  const khelp::lock_guard held(zone->lock);
  return zone->slabs.free_items();
}

void run_threads(int count, const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t)
    threads.emplace_back(body, t);
  for (std::thread& t : threads)
    t.join();
}

// An item that knows who has it: two holders at once are found out.
struct marked {
  std::atomic<int> holders;
  int serial;
};

marked* take(khelp_uma_zone_t zone, int request = KHELP_M_WAITOK) {
  auto* item = static_cast<marked*>(khelp_uma_zalloc(zone, request));
  EXPECT_TRUE(item == nullptr || item->holders++ == 0) << "somebody else has this item";
  return item;
}

void give(khelp_uma_zone_t zone, marked* item) {
  EXPECT_EQ(--item->holders, 0);
  khelp_uma_zfree(zone, item);
}

khelp_uma_zone_t marked_zone() {
  return khelp_uma_zcreate("marked", sizeof(marked), nullptr, nullptr, nullptr, nullptr, 0,
                           KHELP_UMA_ZONE_ZINIT | KHELP_UMA_ZONE_NOTOUCH);
}

TEST(uma_threads, no_item_is_handed_out_twice) {
  khelp_uma_zone_t zone = marked_zone();
  run_threads(4, [zone](int t) {
    std::minstd_rand random(static_cast<unsigned>(t) + 1);
    std::vector<marked*> mine;
    for (int i = 0; i < 30000; ++i) {
      if (mine.empty() || (mine.size() < 700 && random() % 2 == 0)) {
        mine.push_back(take(zone));
      } else {
        std::swap(mine[random() % mine.size()], mine.back());
        give(zone, mine.back());
        mine.pop_back();
      }
    }
    for (marked* item : mine)
      give(zone, item);
  });
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, items_allocated_here_may_be_freed_there_and_magazines_cross) {
  khelp_uma_zone_t zone = marked_zone();
  constexpr int rounds = 20;
  std::vector<marked*> handed(1000);
  std::barrier<> turn(2);
  std::thread consumer([&] {
    for (int round = 0; round < rounds; ++round) {
      turn.arrive_and_wait();
      for (marked* item : handed)
        give(zone, item);
      turn.arrive_and_wait();
    }
  });
  for (int round = 0; round < rounds; ++round) {
    for (marked*& item : handed)
      item = take(zone);
    turn.arrive_and_wait();
    turn.arrive_and_wait();
  }
  consumer.join();
  {
    const khelp::lock_guard held(zone->lock);
    EXPECT_GT(zone->cross, 0u);
    EXPECT_EQ(zone->total_allocs(), 1000u * rounds);
    EXPECT_EQ(zone->total_frees(), 1000u * rounds);
    EXPECT_LE(zone->slabs.slabs(), 3u) << "freed items come back";
  }
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, what_an_ended_threads_cache_held_is_there_for_others) {
  khelp_uma_zone_t zone = plain_zone();
  std::array<void*, 50> items{};
  std::thread([&] {
    for (void*& item : items)
      item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
    for (void* item : items)
      khelp_uma_zfree(zone, item);
  }).join();
  {
    const khelp::lock_guard held(zone->lock);
    EXPECT_FALSE(zone->full.empty());
    EXPECT_EQ(zone->in_depot, zone->out);
  }
  void* item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  EXPECT_NE(std::find(items.begin(), items.end(), item), items.end());
  khelp_uma_zfree(zone, item);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, a_thousand_threads_do_not_accumulate_memory) {
  khelp_uma_zone_t zone = plain_zone();
  std::uint64_t pages_then = 0;
  for (int i = 0; i < 1000; ++i) {
    std::thread([&] {
      std::vector<void*> items(300);
      for (void*& item : items)
        item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      for (void* item : items)
        khelp_uma_zfree(zone, item);
    }).join();
    const khelp::lock_guard held(zone->lock);
    if (i == 2)
      pages_then = zone->slabs.slabs();
    ASSERT_LE(zone->slabs.slabs(), pages_then + 1000 * (i < 2 ? 1 : 0));
  }
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, caches_are_emptied_while_their_owners_go_on) {
  khelp_uma_zone_t zone = marked_zone();
  std::atomic<bool> stop{false};
  std::vector<std::thread> owners;
  for (int t = 0; t < 3; ++t) {
    owners.emplace_back([&] {
      std::vector<marked*> mine;
      while (!stop) {
        for (int i = 0; i < 40; ++i)
          mine.push_back(take(zone));
        for (marked* item : mine)
          give(zone, item);
        mine.clear();
      }
    });
  }
  for (int i = 0; i < 500; ++i) {
    khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
    ASSERT_LE(khelp_uma_zone_get_cur(zone), 120);
  }
  stop = true;
  for (std::thread& t : owners)
    t.join();
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, draining_takes_from_the_cache_of_a_thread_that_does_nothing) {
  khelp_uma_zone_t zone = plain_zone();
  std::latch cached(1);
  std::latch drained(1);
  std::thread idle([&] {
    khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    cached.count_down();
    drained.wait();
    khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
  });
  cached.wait();
  EXPECT_GT(out_of(zone), 0u);
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  EXPECT_EQ(out_of(zone), 0u);
  EXPECT_EQ(free_in_slabs(zone), 0u);
  drained.count_down();
  idle.join();
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, a_cache_is_at_rest_unless_its_owner_is_in_the_middle_of_it) {
  auto m = std::make_unique<uma::magazine>();
  uma::zone_cache cache;
  EXPECT_TRUE(cache.at_rest());
  cache.load(*m, 10);
  cache.settle();
  int item = 0;
  ASSERT_TRUE(cache.free(&item));
  EXPECT_TRUE(cache.at_rest());
  cache.begin_alloc();
  EXPECT_FALSE(cache.at_rest());
  cache.alloc_goes_slow();
  EXPECT_TRUE(cache.at_rest());
  cache.begin_free();
  EXPECT_FALSE(cache.at_rest());
  cache.free_goes_slow();
  EXPECT_TRUE(cache.at_rest());
  cache.close();
  void* none = nullptr;
  EXPECT_FALSE(cache.alloc(none));
  cache.alloc_goes_slow();
  EXPECT_FALSE(cache.free(&item));
  cache.free_goes_slow();
  EXPECT_TRUE(cache.at_rest());
  EXPECT_EQ(cache.held(), 1u);
}

TEST(uma_threads, draining_waits_for_an_owner_in_the_middle_of_an_allocation) {
  khelp_uma_zone_t zone = plain_zone();
  std::latch amid(1);
  std::atomic<bool> through{false};
  std::thread owner([&] {
    khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    zone->my_cache().begin_alloc();
    amid.count_down();
    for (int i = 0; i < 1000; ++i)
      std::this_thread::yield();
    through = true;
    zone->my_cache().alloc_goes_slow();
    zone->my_cache().begin_free();
    zone->my_cache().free_goes_slow();
  });
  amid.wait();
  khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
  EXPECT_TRUE(through);
  owner.join();
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, limits_come_and_go_while_threads_allocate) {
  khelp_uma_zone_t zone = marked_zone();
  std::atomic<bool> stop{false};
  std::vector<std::thread> users;
  for (int t = 0; t < 3; ++t) {
    users.emplace_back([&] {
      while (!stop) {
        marked* item = take(zone);
        give(zone, item);
        if (marked* another = take(zone, KHELP_M_NOWAIT))
          give(zone, another);
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    for (int limit : {1, 2, 2000, 0})
      khelp_uma_zone_set_max(zone, limit);
  }
  stop = true;
  for (std::thread& t : users)
    t.join();
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, zones_come_and_go_while_others_are_used_reclaimed_and_counted) {
  std::atomic<bool> stop{false};
  std::thread reclaimer([&] {
    while (!stop) {
      khelp_uma_reclaim(KHELP_UMA_RECLAIM_DRAIN_CPU);
      khelp_uma_stats(
          [](void*, const khelp_uma_stat* stat) { EXPECT_GE(stat->allocs, stat->used); }, nullptr);
    }
  });
  run_threads(3, [](int) {
    for (int i = 0; i < 200; ++i) {
      khelp_uma_zone_t zone = marked_zone();
      std::array<marked*, 20> items{};
      for (marked*& item : items)
        item = take(zone);
      for (marked* item : items)
        give(zone, item);
      EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
    }
  });
  stop = true;
  reclaimer.join();
}

// Before the caches' owner ends, another destructor of the thread frees an item.
struct frees_late {
  khelp_uma_zone_t zone = nullptr;
  void* item = nullptr;
  ~frees_late() { khelp_uma_zfree(zone, item); }
};

TEST(uma_threads, a_threads_own_late_destructors_may_free) {
  khelp_uma_zone_t zone = plain_zone();
  static pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, [](void* late) { delete static_cast<frees_late*>(late); }), 0);
  for (int i = 0; i < 50; ++i) {
    std::thread([&] {
      auto late = std::make_unique<frees_late>();
      late->zone = zone;
      late->item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      pthread_setspecific(key, late.release());
    }).join();
  }
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
  pthread_key_delete(key);
}

__thread khelp_uma_zone_t freed_to_at_the_end = nullptr;
__thread void* freed_at_the_end = nullptr;

TEST(uma_threads, what_ends_with_the_thread_after_its_caches_is_freed_without_them) {
  khelp_uma_zone_t zone = plain_zone();
  at_thread_end([](thread_record&) noexcept {
    if (freed_to_at_the_end == nullptr)
      return;
    khelp_uma_zfree(freed_to_at_the_end, freed_at_the_end);
    // The record is about to be another thread's, and its caches with it.
    EXPECT_EQ(uma::thread_caches, uma::no_caches);
  });
  std::thread([&] {
    freed_to_at_the_end = zone;
    freed_at_the_end = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
  }).join();
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

// The library's handlers (core/fork.cpp) are at work in these.
TEST(uma_threads, a_forked_child_keeps_what_the_other_threads_caches_held) {
#if KHELP_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  khelp_uma_zone_t zone = plain_zone();
  khelp_uma_zone_t limited = plain_zone();
  khelp_uma_zone_set_max(limited, 1);
  void* held = khelp_uma_zalloc(limited, KHELP_M_WAITOK);
  std::latch cached(1);
  std::latch forked(1);
  std::thread other([&] {
    std::vector<void*> items;
    for (int i = 0; i < 600; ++i)
      items.push_back(khelp_uma_zalloc(zone, KHELP_M_WAITOK));
    for (void* item : items)
      khelp_uma_zfree(zone, item);
    cached.count_down();
    forked.wait();
  });
  std::thread sleeper([&] { khelp_uma_zfree(limited, khelp_uma_zalloc(limited, KHELP_M_WAITOK)); });
  cached.wait();
  while (khelp_uma_zone_exhausted(limited) == 0)
    std::this_thread::yield();

  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int wrong = 0;
    wrong += khelp_uma_zone_exhausted(limited);  // the sleeper is not here
    khelp_uma_zfree(limited, held);
    void* item = khelp_uma_zalloc(limited, KHELP_M_NOWAIT);
    wrong += item == nullptr ? 2 : 0;
    khelp_uma_zfree(limited, item);
    wrong += khelp_uma_zdestroy_checked(limited) != 0 ? 4 : 0;
    item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
    khelp_uma_zfree(zone, item);
    khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
    wrong += out_of(zone) != 0 ? 8 : 0;
    std::thread([&] { khelp_uma_zfree(zone, khelp_uma_zalloc(zone, KHELP_M_WAITOK)); }).join();
    wrong += khelp_uma_zdestroy_checked(zone) != 0 ? 16 : 0;
    _exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  forked.count_down();
  other.join();
  khelp_uma_zfree(limited, held);
  sleeper.join();
  EXPECT_EQ(khelp_uma_zdestroy_checked(limited), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

TEST(uma_threads, forks_while_threads_allocate_leave_usable_children) {
#if KHELP_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  khelp_uma_zone_t zone = plain_zone();
  std::atomic<bool> stop{false};
  std::thread user([&] {
    std::vector<void*> items(400);
    while (!stop) {
      for (void*& item : items)
        item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      for (void* item : items)
        khelp_uma_zfree(zone, item);
    }
  });
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::vector<void*> items(1000);
      for (void*& item : items)
        item = khelp_uma_zalloc(zone, KHELP_M_WAITOK);
      for (void* item : items)
        khelp_uma_zfree(zone, item);
      khelp_uma_zone_reclaim(zone, KHELP_UMA_RECLAIM_DRAIN_CPU);
      _exit(out_of(zone) <= 401 ? 0 : 1);  // what the user had, and one under way
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
  }
  stop = true;
  user.join();
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

// Cancelled inside a constructor: the item is back, and the thread is gone.
std::latch* in_ctor = nullptr;

TEST(uma_threads, a_thread_cancelled_in_a_ctor_leaves_the_zone_balanced) {
  std::latch reached(1);
  in_ctor = &reached;
  khelp_uma_zone_t zone = khelp_uma_zcreate(
      "cancelled", 64,
      [](void*, int, void*, int) {
        in_ctor->count_down();
        while (true)
          pause();
        return 0;
      },
      nullptr, nullptr, nullptr, 0, 0);
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* arg) -> void* {
                  khelp_uma_zalloc(static_cast<khelp_uma_zone_t>(arg), KHELP_M_WAITOK);
                  return nullptr;
                },
                zone),
            0);
  reached.wait();
  pthread_cancel(thread);
  void* result = nullptr;
  pthread_join(thread, &result);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  EXPECT_EQ(khelp_uma_zone_get_cur(zone), 0);
  EXPECT_EQ(khelp_uma_zdestroy_checked(zone), 0);
}

}  // namespace
