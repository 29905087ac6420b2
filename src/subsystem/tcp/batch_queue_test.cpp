#include "subsystem/tcp/batch_queue.hpp"

#include <gtest/gtest.h>
#include <latch>
#include <numeric>
#include <thread>

namespace khelp::tcp {
namespace {

/// What was done of a lane, written by whoever has its part and by nobody else meanwhile.
using lane_log = std::vector<int>;

/// Fill the queue with 0 … items - 1, and do whatever is left when there is nothing to fill.
std::vector<int> fill(batch_queue<int>& queue, std::vector<lane_log>& lanes, int items) {
  std::vector<int> collected;
  const auto collect = [&] {
    for (auto part = queue.take_until_oldest_is_done(); part.item != nullptr;
         part = queue.take_until_oldest_is_done()) {
      lanes[part.lane].push_back(*part.item);
      queue.done(part);
    }
    collected.push_back(queue.collect());
  };
  for (int n = 0; n < items; ++n) {
    if (queue.full())
      collect();
    queue.vacant() = n;
    queue.submit();
  }
  while (!queue.idle())
    collect();
  return collected;
}

std::vector<int> numbers_below(int end) {
  std::vector<int> all(static_cast<size_t>(end));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(batch_queue, every_lane_sees_every_item_in_order_whoever_does_its_parts) {
  constexpr int items = 3000;
  std::vector<lane_log> lanes(3);
  batch_queue<int> queue(4, lanes.size());
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      for (auto part = queue.take(); part.item != nullptr; part = queue.take()) {
        lanes[part.lane].push_back(*part.item);
        queue.done(part);
      }
    });
  const std::vector<int> collected = fill(queue, lanes, items);
  queue.close();
  for (std::thread& each : threads)
    each.join();

  EXPECT_EQ(collected, numbers_below(items));
  for (const lane_log& one : lanes)
    EXPECT_EQ(one, numbers_below(items));
}

TEST(batch_queue, the_one_who_fills_does_everything_if_nobody_else_does) {
  std::vector<lane_log> lanes(2);
  batch_queue<int> queue(4, lanes.size());
  EXPECT_EQ(fill(queue, lanes, 100), numbers_below(100));
  for (const lane_log& one : lanes)
    EXPECT_EQ(one, numbers_below(100));
}

TEST(batch_queue, a_lane_is_one_threads_until_its_part_is_done) {
  batch_queue<int> queue(2, 2);
  for (int n = 0; n < 2; ++n) {
    queue.vacant() = n;
    queue.submit();
  }
  const auto first = queue.take();
  const auto second = queue.take();
  EXPECT_EQ(*first.item, 0);
  EXPECT_EQ(*second.item, 0);
  EXPECT_NE(first.lane, second.lane);
  queue.done(second);
  const auto third = queue.take();
  EXPECT_EQ(third.lane, second.lane) << "the other one is taken";
  EXPECT_EQ(*third.item, 1);
}

TEST(batch_queue, the_lane_furthest_behind_goes_first) {
  batch_queue<int> queue(2, 2);
  queue.vacant() = 0;
  queue.submit();
  const auto done_early = queue.take();
  const auto late = queue.take();
  queue.done(done_early);
  queue.vacant() = 1;
  queue.submit();
  queue.done(late);
  const auto next = queue.take();
  EXPECT_EQ(next.lane, 0u) << "of those as far as each other the first";
  queue.done(next);
  EXPECT_EQ(queue.take().lane, 1u);
}

TEST(batch_queue, an_item_is_done_when_its_last_part_is) {
  batch_queue<int> queue(2, 2);
  queue.vacant() = 7;
  queue.submit();
  const auto first = queue.take();
  const auto second = queue.take();
  queue.done(first);
  EXPECT_FALSE(queue.oldest_is_done());
  queue.done(second);
  EXPECT_TRUE(queue.oldest_is_done());
  EXPECT_EQ(queue.take_until_oldest_is_done().item, nullptr);
  EXPECT_EQ(queue.collect(), 7);
}

TEST(batch_queue, is_full_until_the_oldest_item_is_collected) {
  batch_queue<int> queue(2, 1);
  for (int n = 0; n < 2; ++n) {
    EXPECT_FALSE(queue.full());
    queue.vacant() = n;
    queue.submit();
  }
  EXPECT_TRUE(queue.full());
  queue.done(queue.take());
  EXPECT_TRUE(queue.full()) << "done, but not collected";
  (void)queue.collect();
  EXPECT_FALSE(queue.full());
}

TEST(batch_queue, closing_stops_those_who_wait_and_leaves_work_undone) {
  batch_queue<int> queue(2, 2);
  std::latch waits(1);
  std::thread waiting([&] {
    waits.count_down();
    EXPECT_EQ(queue.take().item, nullptr);
  });
  waits.wait();
  queue.close();
  waiting.join();
  queue.submit();
  EXPECT_EQ(queue.take().item, nullptr);
}

}  // namespace
}  // namespace khelp::tcp
