#include "subsystem/tcp/round_queue.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <thread>

namespace khelp::tcp {
namespace {

TEST(round_queue, every_reader_gets_every_item_in_order) {
  constexpr size_t readers = 3;
  constexpr int items = 1000;
  round_queue<int> queue(4, readers);
  std::vector<std::vector<int>> seen(readers);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < readers; ++i)
    threads.emplace_back([&, i] {
      while (const int* next = queue.next(i)) {
        seen[i].push_back(*next);
        queue.done(i);
      }
    });
  std::vector<int> collected;
  const auto collect = [&] {
    collected.push_back(queue.wait_for_oldest());
    queue.collect();
  };
  for (int n = 0; n < items; ++n) {
    if (queue.full())
      collect();
    queue.vacant() = n;
    queue.submit();
  }
  while (!queue.idle())
    collect();
  queue.close();
  for (std::thread& each : threads)
    each.join();

  std::vector<int> all(items);
  for (int n = 0; n < items; ++n)
    all[static_cast<size_t>(n)] = n;
  EXPECT_EQ(collected, all);
  for (const auto& one : seen)
    EXPECT_EQ(one, all);
}

TEST(round_queue, an_item_is_done_when_the_last_reader_is) {
  round_queue<int> queue(2, 2);
  queue.vacant() = 7;
  queue.submit();
  EXPECT_EQ(*queue.next(0), 7);
  queue.done(0);
  EXPECT_FALSE(queue.oldest_is_done());
  EXPECT_EQ(*queue.next(1), 7);
  queue.done(1);
  EXPECT_TRUE(queue.oldest_is_done());
  EXPECT_EQ(queue.wait_for_oldest(), 7);
}

TEST(round_queue, is_full_until_the_oldest_item_is_collected) {
  round_queue<int> queue(2, 1);
  for (int n = 0; n < 2; ++n) {
    EXPECT_FALSE(queue.full());
    queue.vacant() = n;
    queue.submit();
  }
  EXPECT_TRUE(queue.full());
  (void)queue.next(0);
  queue.done(0);
  EXPECT_TRUE(queue.full()) << "done, but not collected";
  queue.collect();
  EXPECT_FALSE(queue.full());
}

TEST(round_queue, closing_stops_readers_that_wait_and_those_with_work_left) {
  round_queue<int> queue(2, 2);
  std::latch waits(1);
  std::thread waiting([&] {
    waits.count_down();
    EXPECT_EQ(queue.next(0), nullptr);
  });
  waits.wait();
  queue.close();
  waiting.join();
  queue.submit();
  EXPECT_EQ(queue.next(1), nullptr);
}

}  // namespace
}  // namespace khelp::tcp
