#include "subsystem/tcp/decode/reassembly.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <vector>

namespace khelp::tcp {
namespace {

using enum not_followed;
using losses = std::map<not_followed, uint64_t>;

constexpr int64_t second = 1'000'000'000;
constexpr uint16_t headers = 32;  ///< of TCP, in every first piece

/// A piece of packet `id`.
struct piece_of {
  uint16_t offset;
  uint32_t bytes;
  bool more = true;
  uint32_t id = 1;
  uint8_t ip_version = 4;
  uint32_t seq = 100;
  uint16_t headers = tcp::headers;
  uint32_t unseen = 0;
};

class reassembling {
 public:
  explicit reassembling(const reassembly_limits& limits = {})
      : packets(limits, [this](uint32_t capture, not_followed why, uint64_t frames) {
          EXPECT_EQ(capture, 7u);
          lost[why] += frames;
        }) {}

  /// The whole segment's payload, if this was what it lacked; else -1.
  int64_t add(const piece_of& what, int64_t now_ns = 0) {
    segment seg;
    seg.ip_version = what.ip_version;
    seg.source = {10, 0, 0, 1};
    seg.destination = {10, 0, 0, 2};
    if (what.offset == 0)
      seg.seq = what.seq;
    seg.piece = {.identification = what.id,
                 .bytes = what.bytes,
                 .unseen = what.unseen,
                 .offset = what.offset,
                 .headers = what.offset == 0 ? what.headers : uint16_t{0},
                 .protocol = 6,
                 .more = what.more};
    if (!packets.add(seg, 7, now_ns))
      return -1;
    whole = seg;
    return seg.payload;
  }

  losses lost;
  segment whole;
  reassembly packets;
};

TEST(reassembly, a_packet_is_whole_when_its_last_piece_has_come_in_whatever_order) {
  std::vector<piece_of> pieces = {{0, 1480}, {1480, 1480}, {2960, 72, false}};
  const auto before = [](const piece_of& a, const piece_of& b) { return a.offset < b.offset; };
  do {
    for (const uint8_t version : {uint8_t{4}, uint8_t{6}}) {
      reassembling all;
      for (piece_of& each : pieces)
        each.ip_version = version;
      EXPECT_EQ(all.add(pieces[0]), -1);
      EXPECT_EQ(all.add(pieces[1]), -1);
      EXPECT_EQ(all.add(pieces[2]), 3000);
      EXPECT_EQ(all.whole.seq, 100u);
      EXPECT_EQ(all.whole.shown, 3000u);
      EXPECT_EQ(all.lost, losses{});
    }
  } while (std::next_permutation(pieces.begin(), pieces.end(), before));
}

TEST(reassembly, packets_are_told_apart) {
  reassembling all;
  EXPECT_EQ(all.add({0, 1480, true, 1}), -1);
  EXPECT_EQ(all.add({1480, 100, false, 2}), -1);
  EXPECT_EQ(all.add({1480, 100, false, 1, 6}), -1);
  EXPECT_EQ(all.add({1480, 200, false, 1}), 1680 - headers);
}

TEST(reassembly, what_tools_cut_off_pieces_is_not_shown) {
  reassembling all;
  all.add({.offset = 0, .bytes = 1480, .unseen = 1000});
  EXPECT_EQ(all.add({.offset = 1480, .bytes = 520, .more = false, .unseen = 500}), 2000 - headers);
  EXPECT_EQ(all.whole.shown, 500u - headers);
}

TEST(reassembly, a_piece_that_comes_again_is_dropped_before_and_behind_the_last) {
  reassembling all;
  EXPECT_EQ(all.add({0, 1480}), -1);
  EXPECT_EQ(all.add({0, 1480}), -1);
  EXPECT_EQ(all.add({1480, 1480}), -1);
  EXPECT_EQ(all.add({1480, 1480}), -1);
  EXPECT_EQ(all.add({2960, 80, false}), 3040 - headers);
  EXPECT_EQ(all.add({2960, 80, false}), -1);
  EXPECT_EQ(all.add({0, 1480}, second - 1), -1);
  EXPECT_EQ(all.lost, (losses{{fragments_repeated, 4}}));
}

TEST(reassembly, an_identification_may_be_used_again) {
  reassembling all;
  all.add({0, 1480});
  EXPECT_EQ(all.add({1480, 80, false}), 1560 - headers);
  EXPECT_EQ(all.add({0, 1480}, second), -1);
  EXPECT_EQ(all.add({1480, 180, false}, second), 1660 - headers);
  EXPECT_EQ(all.lost, losses{});
}

TEST(reassembly, pieces_that_overlap_give_all_of_the_packet_up) {
  const std::vector<std::vector<piece_of>> cases = {
      {{0, 1480}, {1472, 1480}},                              // over the end of the one before
      {{1480, 1480}, {0, 1488}},                              // over the beginning of the next
      {{0, 1480}, {0, 1488}},                                 // longer
      {{0, 1480}, {0, 1472}},                                 // shorter
      {{0, 1480}, {.offset = 0, .bytes = 1480, .seq = 101}},  // other bytes
      {{1480, 80, false}, {1480, 80}},                        // the last, and not
      {{1480, 80, false}, {1560, 80, false}},                 // two ends
      {{1480, 80, false}, {1560, 80}},                        // beyond the end
      {{2960, 80}, {1480, 80, false}},                        // an end in front of others
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    reassembling all;
    for (const piece_of& each : cases[i])
      EXPECT_EQ(all.add(each), -1) << i;
    EXPECT_EQ(all.lost, (losses{{fragments_overlapping, 2}})) << i;
    EXPECT_EQ(all.add({0, 1480}), -1);
    EXPECT_EQ(all.add({1480, 8, false}), -1);
    EXPECT_EQ(all.lost, (losses{{fragments_overlapping, 4}})) << "and what is still to come";
    all.packets.give_up_all();
    EXPECT_EQ(all.lost, (losses{{fragments_overlapping, 4}}));
  }
}

TEST(reassembly, a_tcp_header_must_end_in_the_first_piece) {
  reassembling all;
  all.add({.offset = 0, .bytes = 24, .headers = 0});
  EXPECT_EQ(all.add({24, 80, false}), -1);
  EXPECT_EQ(all.lost, (losses{{fragments_tiny, 2}}));
}

TEST(reassembly, nothing_may_lie_where_it_could_overwrite_the_flags) {
  reassembling all;
  all.add({8, 80, false});
  EXPECT_EQ(all.add({0, 1480}), -1);
  EXPECT_EQ(all.lost, (losses{{fragments_tiny, 2}}));
}

TEST(reassembly, a_piece_that_does_not_come_within_a_minute_is_missing) {
  reassembling all;
  all.add({0, 1480});
  all.add({2960, 80, false});
  EXPECT_EQ(all.add({1480, 1480}, 60 * second - 1), 3040 - headers);
  all.add({0, 1480, true, 2}, 100 * second);
  EXPECT_EQ(all.add({1480, 80, false, 2}, 160 * second), -1);
  EXPECT_EQ(all.lost, (losses{{fragments_missing, 1}}));
  all.packets.give_up_all();
  EXPECT_EQ(all.lost, (losses{{fragments_missing, 2}}));
  EXPECT_EQ(all.packets.size(), 0u);
}

TEST(reassembly, a_flood_of_first_pieces_drives_out_the_oldest) {
  reassembling all({.packets = 100});
  for (uint32_t id = 0; id < 1000; ++id)
    all.add({0, 1480, true, id});
  EXPECT_EQ(all.packets.size(), 100u);
  EXPECT_EQ(all.lost, (losses{{fragments_crowded, 900}}));
  EXPECT_EQ(all.add({1480, 80, false, 899}), -1);
  EXPECT_EQ(all.add({1480, 80, false, 999}), 1560 - headers);
}

TEST(reassembly, a_packet_has_only_so_many_pieces) {
  reassembling all({.pieces = 10});
  for (uint16_t i = 0; i < 11; ++i)
    all.add({static_cast<uint16_t>(i * 40), 40});
  EXPECT_EQ(all.lost, (losses{{fragments_crowded, 11}}));
}

TEST(reassembly, what_is_remembered_of_whole_packets_is_bounded_too) {
  reassembling all({.whole = 10});
  for (uint32_t id = 0; id < 100; ++id) {
    all.add({0, 1480, true, id});
    EXPECT_EQ(all.add({1480, 80, false, id}), 1560 - headers);
  }
  EXPECT_EQ(all.packets.size(), 10u);
}

}  // namespace
}  // namespace khelp::tcp
