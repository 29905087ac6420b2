#include "subsystem/tcp/flow_table.hpp"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace khelp::tcp {
namespace {

segment_key key_of(const segment& seg, uint32_t instance) {
  segment_key found;
  find_key(seg, instance, found);
  return found;
}

constexpr int64_t second = 1'000'000'000;

flow_key key_number(uint32_t n) {
  flow_key key;
  key.low_address = {10, 0, static_cast<uint8_t>(n >> 16), 1};
  key.high_address = {10, 1, 0, 1};
  key.low_port = static_cast<uint16_t>(n);
  key.high_port = 80;
  return key;
}

const flow_hash hash_of;

flow& insert(flow_table& table, uint32_t n) {
  const flow_key key = key_number(n);
  return table.insert(key, hash_of(key));
}

flow* find(flow_table& table, uint32_t n) {
  const flow_key key = key_number(n);
  return table.find(key, hash_of(key));
}

/// The packet that comes then. Packets are numbered by their seconds.
void go_to(flow_table& table, int64_t now_ns) {
  table.advance(static_cast<uint64_t>(now_ns / second), now_ns);
}

TEST(flow_table, both_directions_have_one_key) {
  segment there;
  there.source = {10, 0, 0, 2};
  there.destination = {10, 0, 0, 1};
  there.source_port = 5;
  there.destination_port = 6;
  segment back = there;
  std::swap(back.source, back.destination);
  std::swap(back.source_port, back.destination_port);
  EXPECT_EQ(key_of(there, 0).key, key_of(back, 0).key);
  EXPECT_TRUE(key_of(there, 0).from_high);
  EXPECT_FALSE(key_of(back, 0).from_high);
  EXPECT_NE(key_of(there, 0).key, key_of(there, 1).key) << "instances are apart";
}

TEST(flow_table, ports_order_the_ends_of_one_host_and_equal_ports_are_a_self_connection) {
  segment seg;
  seg.source = seg.destination = {127, 0, 0, 1};
  seg.source_port = 9;
  seg.destination_port = 8;
  EXPECT_TRUE(key_of(seg, 0).from_high);
  EXPECT_FALSE(key_of(seg, 0).with_itself);
  seg.source_port = 8;
  EXPECT_TRUE(key_of(seg, 0).with_itself);
}

TEST(flow_table, finds_what_is_there_whatever_was_erased_in_between) {
  flow_table table{flow_limits{}};
  constexpr uint32_t count = 5000;
  for (uint32_t n = 0; n < count; ++n)
    insert(table, n);
  for (uint32_t n = 0; n < count; n += 3)
    table.erase(*find(table, n));
  for (uint32_t n = 0; n < count; ++n) {
    flow* found = find(table, n);
    ASSERT_EQ(found != nullptr, n % 3 != 0) << n;
    if (found != nullptr) {
      ASSERT_EQ(found->key, key_number(n));
    }
  }
  EXPECT_EQ(table.size(), count - (count + 2) / 3);
}

TEST(flow_table, flows_do_not_move_and_their_memory_is_used_again) {
  flow_table table{flow_limits{}};
  flow* first = &insert(table, 1);
  for (uint32_t n = 2; n < 5000; ++n)
    insert(table, n);
  EXPECT_EQ(find(table, 1), first);
  first->ends[0].stats.bytes = 99;
  table.erase(*first);
  flow& again = insert(table, 7000);
  EXPECT_EQ(&again, first);
  EXPECT_EQ(again.ends[0].stats.bytes, 0u);
}

TEST(flow_table, silence_is_measured_per_stage) {
  const flow_limits limits{.opening_ns = 5 * second, .open_ns = 50 * second, .ending_ns = second};
  flow_table table{limits};
  go_to(table, 0);
  flow& opening = insert(table, 1);
  flow& open = insert(table, 2);
  flow& ending = insert(table, 3);
  table.set_stage(open, stage::open);
  table.set_stage(ending, stage::ending);
  EXPECT_EQ(table.next_silent(), nullptr);

  go_to(table, 2 * second);
  EXPECT_EQ(table.next_silent(), &ending);
  table.erase(ending);
  EXPECT_EQ(table.next_silent(), nullptr);
  go_to(table, 6 * second);
  EXPECT_EQ(table.next_silent(), &opening);
  table.erase(opening);
  go_to(table, 51 * second);
  EXPECT_EQ(table.next_silent(), &open);
}

TEST(flow_table, activity_postpones_silence) {
  flow_table table{flow_limits{.opening_ns = 5 * second}};
  go_to(table, 0);
  flow& busy = insert(table, 1);
  flow& idle = insert(table, 2);
  for (int64_t t = 1; t <= 6; ++t) {
    go_to(table, t * second);
    table.touch(busy);
  }
  EXPECT_EQ(table.next_silent(), &idle);
  table.erase(idle);
  EXPECT_EQ(table.next_silent(), nullptr);
}

TEST(flow_table, nothing_is_silent_before_it_is_due) {
  flow_table table{flow_limits{.opening_ns = 5 * second}};
  go_to(table, second);
  flow& only = insert(table, 1);
  EXPECT_EQ(table.due_ns(), 6 * second);
  go_to(table, 6 * second);
  EXPECT_EQ(table.next_silent(), nullptr);
  go_to(table, 6 * second + 1);
  EXPECT_EQ(table.next_silent(), &only);
}

TEST(flow_table, silence_is_exact_whenever_the_activity_was) {
  constexpr int64_t limit = 100 * second;
  for (int64_t active = 0; active < limit; active += 7 * second) {
    flow_table table{flow_limits{.open_ns = limit}};
    go_to(table, 0);
    flow& only = insert(table, 1);
    table.set_stage(only, stage::open);
    go_to(table, active);
    table.touch(only);
    for (int64_t t = active; t <= active + limit; t += second / 2) {
      go_to(table, t);
      ASSERT_EQ(table.next_silent(), nullptr) << active << " " << t;
    }
    go_to(table, active + limit + 1);
    ASSERT_EQ(table.next_silent(), &only);
  }
}

TEST(flow_table, the_longest_silent_comes_first_and_of_two_the_one_that_began_first) {
  flow_table table{flow_limits{.opening_ns = 5 * second}};
  go_to(table, second);
  flow& first = insert(table, 1);
  go_to(table, 2 * second);
  flow& second_one = insert(table, 2);
  go_to(table, 3 * second);
  flow& third = insert(table, 3);
  go_to(table, 4 * second);
  table.touch(second_one);
  table.touch(first);
  go_to(table, 20 * second);
  for (flow* expected : {&third, &first, &second_one}) {
    ASSERT_EQ(table.next_silent(), expected);
    table.erase(*expected);
  }
  EXPECT_EQ(table.next_silent(), nullptr);
}

TEST(flow_table, finds_the_longest_idle_of_many_whatever_they_did) {
  flow_table table{flow_limits{}};
  std::vector<flow*> all;
  uint64_t random = 1;
  const auto next = [&random](uint64_t below) {
    random = random * 6364136223846793005 + 1442695040888963407;
    return (random >> 33) % below;
  };
  for (int64_t t = 1; t < 4000; ++t) {
    go_to(table, t * second);
    if (all.empty() || next(3) == 0) {
      all.push_back(&insert(table, static_cast<uint32_t>(t)));
    } else if (next(3) == 0) {
      const size_t gone = next(all.size());
      table.erase(*all[gone]);
      all.erase(all.begin() + static_cast<ptrdiff_t>(gone));
    } else {
      table.touch(*all[next(all.size())]);
    }
    const auto longest = std::min_element(all.begin(), all.end(), [](const flow* a, const flow* b) {
      return a->active_ns < b->active_ns;
    });
    ASSERT_EQ(table.longest_idle(stage::opening), longest == all.end() ? nullptr : *longest);
  }
}

TEST(flow_table, knows_how_many_are_at_a_stage_and_which_came_first) {
  flow_table table{flow_limits{}};
  insert(table, 1);
  flow& open = insert(table, 2);
  insert(table, 3);
  table.set_stage(open, stage::open);
  EXPECT_EQ(table.number_at(stage::opening), 2u);
  EXPECT_EQ(table.first_at(stage::opening), find(table, 1));
  EXPECT_EQ(table.first_at(stage::open), &open);
  EXPECT_EQ(table.first_at(stage::ending), nullptr);
}

}  // namespace
}  // namespace khelp::tcp
