#include "flight.hpp"

#include <gtest/gtest.h>
#include <vector>

#include "record_heap.hpp"

namespace {

using namespace khelp::ertt;

segment bytes(std::uint32_t seq, std::uint32_t end, std::int64_t when = 0) {
  segment s{};
  s.seq = seq;
  s.end = end;
  s.when = when;
  return s;
}

std::vector<std::uint32_t> starts(const khelp::ertt::flight& queue) {
  std::vector<std::uint32_t> found;
  for (const segment* s = queue.first(); s != nullptr; s = s->next)
    found.push_back(s->seq);
  return found;
}

using list = std::vector<std::uint32_t>;

TEST(flight, keeps_sequence_order_whatever_the_order_of_sending) {
  khelp::ertt::flight queue;
  for (std::uint32_t seq : {300u, 100u, 400u, 200u})
    ASSERT_TRUE(queue.add(bytes(seq, seq + 100)));
  EXPECT_EQ(starts(queue), (list{100, 200, 300, 400}));
}

TEST(flight, keeps_sequence_order_over_the_wrap) {
  khelp::ertt::flight queue;
  for (std::uint32_t seq : {0xffffff00u, 0u, 0xffffff80u, 0x80u})
    ASSERT_TRUE(queue.add(bytes(seq, seq + 0x80)));
  EXPECT_EQ(starts(queue), (list{0xffffff00u, 0xffffff80u, 0u, 0x80u}));
}

TEST(flight, a_retransmission_stands_behind_its_original_and_both_are_resent) {
  khelp::ertt::flight queue;
  queue.add(bytes(100, 200, 1));
  queue.add(bytes(200, 300, 2));
  queue.add(bytes(100, 200, 3));
  ASSERT_EQ(starts(queue), (list{100, 100, 200}));
  const segment* original = queue.first();
  EXPECT_EQ(original->when, 1);
  EXPECT_EQ(original->next->when, 3);
  EXPECT_TRUE(original->resent);
  EXPECT_TRUE(original->next->resent);
  EXPECT_FALSE(original->next->next->resent);
}

TEST(flight, one_common_byte_makes_segments_resent) {
  khelp::ertt::flight queue;
  queue.add(bytes(100, 200));
  queue.add(bytes(200, 300));
  queue.add(bytes(199, 250));
  queue.add(bytes(299, 400));
  for (const segment* s = queue.first(); s != nullptr; s = s->next)
    EXPECT_TRUE(s->resent) << s->seq;
}

TEST(flight, a_retransmission_without_room_makes_its_original_resent) {
  khelp::ertt::flight queue;
  queue.add(bytes(100, 200));
  record_heap::left = 0;
  EXPECT_FALSE(queue.add(bytes(100, 200)));
  record_heap::left = INT64_MAX;
  EXPECT_TRUE(queue.first()->resent);
}

TEST(flight, removes_the_first_the_middle_and_the_last) {
  khelp::ertt::flight queue;
  for (std::uint32_t seq : {100u, 200u, 300u, 400u})
    queue.add(bytes(seq, seq + 100));
  EXPECT_EQ(queue.remove(nullptr)->seq, 200u);
  EXPECT_EQ(queue.remove(queue.first())->seq, 400u);
  EXPECT_EQ(queue.remove(queue.first()), nullptr);
  queue.add(bytes(500, 600));  // behind the last one
  EXPECT_EQ(starts(queue), (list{200, 500}));
  EXPECT_EQ(queue.size(), 2u);
}

// E-12
TEST(flight, takes_no_more_than_its_limit_until_there_is_room_again) {
  khelp::ertt::flight queue;
  for (std::uint32_t i = 0; i < KHELP_ERTT_MAX_SEGMENTS; ++i)
    ASSERT_TRUE(queue.add(bytes(i, i + 1)));
  EXPECT_FALSE(queue.add(bytes(0x10000, 0x10001)));
  queue.remove(nullptr);
  EXPECT_TRUE(queue.add(bytes(0x10000, 0x10001)));
  EXPECT_EQ(queue.size(), static_cast<std::uint32_t>(KHELP_ERTT_MAX_SEGMENTS));
}

TEST(flight, without_memory_nothing_is_added_and_nothing_lost) {
  auto before = record_heap::out;
  {
    khelp::ertt::flight queue;
    queue.add(bytes(100, 200));
    record_heap::left = 0;
    EXPECT_FALSE(queue.add(bytes(200, 300)));
    record_heap::left = INT64_MAX;
    EXPECT_EQ(starts(queue), (list{100}));
  }
  EXPECT_EQ(record_heap::out, before);
}

}  // namespace
