#include "subsystem/tcp/copies.hpp"

#include <gtest/gtest.h>

#include "subsystem/tcp/flow.hpp"

namespace khelp::tcp {
namespace {

constexpr int64_t microsecond = 1'000;
constexpr int64_t millisecond = 1'000'000;

/// An end that has sent a segment at 0, and what is thought of another one.
struct sender {
  explicit sender(const segment& first) {
    f.handshake_ns = 20 * millisecond;
    end& from = f.ends[0];
    from.block.snd_max = first.seq + first.payload + (first.has(KHELP_TH_SYN) ? 1 : 0);
    from.latest_ack = first.ack;
    send(first, 0);
  }
  void send(const segment& seg, int64_t when_ns) {
    EXPECT_FALSE(was_captured_before(f, f.ends[0], seg, start_ns + when_ns));
    ++f.ends[0].stats.segments;
  }
  bool calls_copy(const segment& again, int64_t after_ns) const {
    flow same = f;
    return was_captured_before(same, same.ends[0], again, start_ns + after_ns);
  }

  static constexpr int64_t start_ns = 1'700'000'000'000'000'000;
  flow f;
};

segment made(uint32_t payload, uint16_t identification, uint8_t flags = KHELP_TH_ACK) {
  segment seg;
  seg.seq = 1000;
  seg.ack = 5000;
  seg.payload = payload;
  seg.flags = flags;
  seg.window = 300;
  seg.checksum = 4711;
  seg.identification = identification;
  return seg;
}

TEST(copies, the_same_packet_within_a_fraction_of_the_round_trip_is_a_copy) {
  const segment data = made(100, 7);
  const sender one(data);
  EXPECT_TRUE(one.calls_copy(data, 12 * microsecond));
  EXPECT_TRUE(one.calls_copy(data, 5 * millisecond));
  EXPECT_TRUE(one.calls_copy(data, -3 * microsecond)) << "time stamps of two interfaces";
  EXPECT_FALSE(one.calls_copy(data, 6 * millisecond));
}

TEST(copies, another_identification_is_another_packet) {
  const sender one(made(100, 7));
  EXPECT_FALSE(one.calls_copy(made(100, 8), 12 * microsecond));
}

TEST(copies, whatever_else_differs_makes_another_packet) {
  const segment data = made(100, 7);
  const sender one(data);
  for (const auto& change :
       {+[](segment& seg) { seg.seq -= 1; }, +[](segment& seg) { seg.ack += 1; },
        +[](segment& seg) { seg.payload += 1; }, +[](segment& seg) { seg.window += 1; },
        +[](segment& seg) { seg.flags |= KHELP_TH_PUSH; },
        +[](segment& seg) { seg.options.tsval = 1; }, +[](segment& seg) { seg.options.tsecr = 1; },
        +[](segment& seg) {
          seg.options.sack_count = 1;
          seg.options.sacks[0].end = 1;
        }}) {
    segment other = data;
    change(other);
    EXPECT_FALSE(one.calls_copy(other, 12 * microsecond));
  }
}

TEST(copies, a_checksum_may_be_completed_on_the_way_of_what_has_an_identification) {
  for (const uint16_t identification : {7, 0}) {
    const segment data = made(100, identification);
    segment completed = data;
    completed.checksum = 1;
    EXPECT_EQ(sender(data).calls_copy(completed, 12 * microsecond), identification != 0);
  }
}

TEST(copies, without_identification_a_copy_comes_within_a_millisecond) {
  const segment data = made(100, 0);
  sender one(data);
  EXPECT_TRUE(one.calls_copy(data, millisecond - microsecond));
  EXPECT_FALSE(one.calls_copy(data, millisecond + 3 * microsecond));
  one.f.handshake_ns = 400 * microsecond;
  EXPECT_TRUE(one.calls_copy(data, 99 * microsecond));
  EXPECT_FALSE(one.calls_copy(data, 110 * microsecond)) << "it may have been sent again";
  one.f.handshake_ns = 0;
  EXPECT_TRUE(one.calls_copy(data, 49 * microsecond));
  EXPECT_FALSE(one.calls_copy(data, 60 * microsecond));
}

TEST(copies, a_syn_is_not_sent_again_within_a_millisecond) {
  const segment syn = made(0, 0, KHELP_TH_SYN);
  sender one(syn);
  one.f.handshake_ns = 0;
  EXPECT_TRUE(one.calls_copy(syn, 900 * microsecond));
  EXPECT_FALSE(one.calls_copy(syn, 1100 * microsecond));
}

TEST(copies, duplicate_acks_are_copies_only_with_an_identification_or_among_copies) {
  for (const uint8_t flags : {uint8_t{KHELP_TH_ACK}, uint8_t{KHELP_TH_RST}}) {
    const segment numbered = made(0, 7, flags);
    EXPECT_TRUE(sender(numbered).calls_copy(numbered, 12 * microsecond));
    const segment ack = made(0, 0, flags);
    sender one(ack);
    EXPECT_FALSE(one.calls_copy(ack, 12 * microsecond));
    one.f.captured_twice = true;
    EXPECT_TRUE(one.calls_copy(ack, 12 * microsecond));
  }
}

TEST(copies, what_the_other_end_sends_is_none) {
  const segment data = made(100, 7);
  sender one(data);
  one.f.ends[1].block.snd_max = one.f.ends[0].block.snd_max;
  EXPECT_FALSE(was_captured_before(one.f, one.f.ends[1], data, sender::start_ns));
}

TEST(copies, others_may_lie_between_a_packet_and_its_copy) {
  const segment first = made(100, 7);
  sender one(first);
  for (uint16_t i = 1; i < 8; ++i)
    one.send(made(100, 7 + i), i * microsecond);
  EXPECT_TRUE(one.calls_copy(first, 12 * microsecond));
  one.send(made(100, 77), 12 * microsecond);
  EXPECT_FALSE(one.calls_copy(first, 13 * microsecond)) << "only eight are remembered";
}

}  // namespace
}  // namespace khelp::tcp
