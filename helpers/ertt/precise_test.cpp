#include "precise.hpp"

#include <gtest/gtest.h>
#include <vector>

#include <khelp/ertt.h>

#include "record_heap.hpp"

namespace {

using khelp::ertt::received_ack;
using khelp::ertt::record_heap;
using khelp::ertt::sent_segment;
using khelp::ertt::stamp;

constexpr std::int64_t ms = 1'000'000;
using sample = std::optional<std::int64_t>;

/// An end whose segments and acknowledgements come at now_, which tests move.
class precise : public testing::Test {
 protected:
  void send(std::uint32_t seq, std::uint32_t len, std::optional<stamp> ts = {}) {
    p_.send({.when = now_,
             .seq = seq,
             .len = len,
             .snd_una = una_,
             .super = len > maxseg_,
             .timed = timed_,
             .ts = ts});
  }
  void resend(std::uint32_t seq, std::uint32_t len, std::optional<stamp> ts = {}) {
    p_.send({.when = now_, .seq = seq, .len = len, .snd_una = una_, .resent = true, .ts = ts});
  }
  sample receive(std::uint32_t ack, std::optional<stamp> ts = {}) {
    return receive_sack(ack, {}, ts);
  }
  sample receive_sack(std::uint32_t ack, std::vector<khelp_tcp_range> blocks,
                      std::optional<stamp> ts = {}) {
    sample got = p_.receive({.when = now_,
                             .ack = ack,
                             .snd_una = una_,
                             .maxseg = maxseg_,
                             .sacked = blocks,
                             .timed = timed_,
                             .ts = ts},
                            filter_);
    if (static_cast<std::int32_t>(ack - una_) > 0)
      una_ = ack;
    return got;
  }

  khelp::ertt::precise p_;
  std::int64_t now_ = 1'700'000'000'000'000'000;
  std::uint32_t una_ = 1;
  std::uint32_t maxseg_ = 1000;
  bool filter_ = true;
  bool timed_ = true;
};

TEST_F(precise, a_round_trip_is_the_time_between_to_the_nanosecond) {
  send(1, 1000);
  now_ += 20'000'017;
  EXPECT_EQ(receive(1001), 20'000'017);
  EXPECT_EQ(p_.samples(), 1u);
  EXPECT_EQ(p_.minimum(), 20'000'017);
  EXPECT_EQ(p_.median(), 20'000'017);
  EXPECT_EQ(p_.maximum(), 20'000'017);
  EXPECT_EQ(p_.last(), 20'000'017);
  EXPECT_EQ(p_.marked(), 20'000'017);
  EXPECT_EQ(p_.in_flight(), 0u);
}

TEST_F(precise, summarises_what_was_measured) {
  std::uint32_t seq = 1;
  for (int rtt : {50, 10, 40, 20, 30}) {
    send(seq, 1000);
    now_ += rtt * ms;
    receive(seq += 1000);
  }
  EXPECT_EQ(p_.samples(), 5u);
  EXPECT_EQ(p_.minimum(), 10 * ms);
  EXPECT_EQ(p_.maximum(), 50 * ms);
  EXPECT_EQ(p_.last(), 30 * ms);
  EXPECT_NEAR(static_cast<double>(p_.median()), 30.0 * ms, 0.24 * ms);
}

TEST_F(precise, an_acknowledgement_of_several_segments_measures_the_last) {
  send(1, 1000);
  now_ += 20 * ms;
  send(1001, 1000);
  now_ += 80 * ms;
  EXPECT_EQ(receive(2001), 80 * ms);
}

TEST_F(precise, without_the_time_of_a_segment_there_is_no_round_trip) {
  timed_ = false;
  send(1, 1000);
  timed_ = true;
  EXPECT_EQ(receive(1001), sample());
  send(1001, 1000);
  timed_ = false;
  EXPECT_EQ(receive(2001), sample());
  EXPECT_EQ(p_.samples(), 0u);
  EXPECT_EQ(p_.marked(), std::nullopt);
  EXPECT_EQ(p_.in_flight(), 0u);
  timed_ = true;
  send(2001, 1000);
  now_ += ms;
  EXPECT_EQ(receive(3001), ms) << "the others are measured";
}

TEST_F(precise, a_segment_below_that_was_sent_who_knows_when_spoils_a_round_trip) {
  send(1001, 1000);
  timed_ = false;
  send(1, 1000);
  timed_ = true;
  now_ += ms;
  EXPECT_EQ(receive(2001), sample());
}

TEST_F(precise, a_second_acknowledgement_of_the_same_byte_gives_nothing) {
  send(1, 1000);
  now_ += ms;
  receive(1001);
  now_ += ms;
  EXPECT_EQ(receive(1001), sample());
  EXPECT_EQ(p_.samples(), 1u);
}

TEST_F(precise, an_old_acknowledgement_gives_nothing) {
  send(1, 1000);
  send(1001, 1000);
  receive(1001);
  now_ += ms;
  EXPECT_EQ(receive(501), sample());
  EXPECT_EQ(p_.in_flight(), 1u);
}

TEST_F(precise, an_acknowledgement_past_all_that_was_seen_gives_nothing) {
  send(1, 1000);
  now_ += ms;
  EXPECT_EQ(receive(5001), sample());
  EXPECT_EQ(p_.in_flight(), 0u);
}

TEST_F(precise, a_sample_of_nothing_is_a_sample) {
  send(1, 1000);
  EXPECT_EQ(receive(1001), 0);
  send(1001, 1000);
  now_ += 7 * ms;
  receive(2001);
  EXPECT_EQ(p_.minimum(), 0);
  EXPECT_EQ(p_.samples(), 2u);
}

TEST_F(precise, no_round_trip_is_negative_when_the_clock_runs_backwards) {
  send(1, 1000);
  now_ -= 5 * ms;
  EXPECT_EQ(receive(1001), sample());
  EXPECT_EQ(p_.samples(), 0u);
  EXPECT_EQ(p_.marked(), sample());
  send(1001, 1000);
  now_ += ms;
  EXPECT_EQ(receive(2001), ms);
}

TEST_F(precise, no_round_trip_is_longer_than_segments_live_when_the_clock_leaps_ahead) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 600'000 * ms;
  EXPECT_EQ(receive(1001), 600'000 * ms);
  now_ += 1;
  EXPECT_EQ(receive(2001), sample());
}

TEST_F(precise, sequence_numbers_may_wrap) {
  una_ = 0xfffffe00;
  send(0xfffffe00, 1000);
  send(0xfffffe00 + 1000, 1000);
  now_ += 10 * ms;
  EXPECT_EQ(receive(0xfffffe00 + 1000), 10 * ms);
  EXPECT_EQ(receive(0xfffffe00 + 2000), 10 * ms);
}

TEST_F(precise, data_acknowledged_before_it_was_seen_is_not_kept) {
  una_ = 2001;
  send(1001, 1000);
  EXPECT_EQ(p_.in_flight(), 0u);
  send(1501, 1000);
  EXPECT_EQ(p_.in_flight(), 1u);
}

// ---- retransmissions (E-11)

TEST_F(precise, without_timestamps_data_sent_twice_gives_no_sample) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 300 * ms;
  resend(1, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001), sample());
  EXPECT_EQ(p_.in_flight(), 1u) << "the second segment waits, neither copy of the first does";
}

TEST_F(precise, a_copy_whose_original_the_queue_never_saw_gives_no_sample) {
  resend(1, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001), sample());
}

TEST_F(precise, the_echo_tells_which_copy_arrived) {
  send(1, 1000, stamp{100, 9});
  now_ += 300 * ms;
  resend(1, 1000, stamp{400, 9});
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001, stamp{10, 400}), 20 * ms);

  send(1001, 1000, stamp{500, 9});
  now_ += 300 * ms;
  resend(1001, 1000, stamp{800, 9});
  now_ += 20 * ms;
  EXPECT_EQ(receive(2001, stamp{10, 500}), 320 * ms) << "the first copy had arrived after all";
}

TEST_F(precise, copies_with_one_timestamp_cannot_be_told_apart) {
  send(1, 1000, stamp{100, 9});
  now_ += 300 * ms;
  resend(1, 1000, stamp{100, 9});
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001, stamp{10, 100}), sample());
}

TEST_F(precise, an_acknowledgement_that_waited_for_a_retransmission_gives_no_sample) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 300 * ms;
  resend(1, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive(2001), sample());
}

TEST_F(precise, the_echo_of_a_copy_the_capture_missed_gives_no_sample) {
  send(1, 1000, stamp{100, 9});
  now_ += 320 * ms;
  EXPECT_EQ(receive(1001, stamp{10, 400}), sample());
}

TEST_F(precise, an_echo_of_the_first_of_several_segments_measures_the_last) {
  send(1, 1000, stamp{100, 9});
  now_ += 20 * ms;
  send(1001, 1000, stamp{120, 9});
  now_ += 50 * ms;
  EXPECT_EQ(receive(2001, stamp{10, 100}), 50 * ms);
}

TEST_F(precise, timestamps_may_wrap) {
  send(1, 1000, stamp{0xfffffff0, 9});
  now_ += 30 * ms;
  resend(1, 1000, stamp{0x0000000e, 9});
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001, stamp{10, 0x0000000e}), 20 * ms);
}

TEST_F(precise, reordering_in_the_capture_does_not_hide_a_sample) {
  send(1001, 1000);
  now_ += ms;
  send(1, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive(1001), 20 * ms);
  EXPECT_EQ(receive(2001), 21 * ms);
}

TEST_F(precise, ten_timestamp_errors_end_the_use_of_timestamps) {
  std::uint32_t seq = 1;
  for (int i = 0; i < KHELP_ERTT_MAX_TIMESTAMP_ERRORS; ++i) {
    EXPECT_EQ(p_.timestamp_errors(), i);
    send(seq, 1000, stamp{100, 500});
    now_ += ms;
    EXPECT_EQ(receive(seq += 1000, stamp{400, 100}), ms);
  }
  send(seq, 1000, stamp{100, 500});
  now_ += ms;
  EXPECT_EQ(receive(seq + 1000, stamp{400, 200}), ms) << "would be the echo of a later copy";
  EXPECT_EQ(p_.timestamp_errors(), KHELP_ERTT_MAX_TIMESTAMP_ERRORS);
}

TEST_F(precise, a_peers_clock_is_not_doubted_for_the_echo_of_another_segment) {
  send(1, 1000, stamp{100, 500});
  send(1001, 1000, stamp{120, 500});
  receive(2001, stamp{400, 100});
  EXPECT_EQ(p_.timestamp_errors(), 0);
}

TEST_F(precise, a_segment_that_echoed_nothing_says_nothing_of_the_peers_clock) {
  send(1, 1000, stamp{100, 0});
  receive(1001, stamp{0xf0000000, 100});
  EXPECT_EQ(p_.timestamp_errors(), 0);
}

TEST_F(precise, an_acknowledgement_that_echoes_nothing_is_taken_as_without_timestamps) {
  send(1, 1000, stamp{0x90000000, 9});  // 0 lies ahead of it
  now_ += ms;
  EXPECT_EQ(receive(1001, stamp{10, 0}), ms);
}

// ---- delayed acknowledgements

TEST_F(precise, single_segments_are_left_out_while_acknowledgements_seem_delayed) {
  for (std::uint32_t seq = 1; seq < 8001; seq += 1000)
    send(seq, 1000);
  now_ += 30 * ms;
  EXPECT_EQ(receive(2001), 30 * ms);
  EXPECT_EQ(receive(4001), 30 * ms);
  EXPECT_EQ(p_.delayed_ack(), 2);
  EXPECT_EQ(receive(5001), sample());
  EXPECT_EQ(receive(6001), 30 * ms);
  EXPECT_EQ(p_.delayed_ack(), 0);
}

TEST_F(precise, the_filter_never_costs_the_minimum) {
  for (std::uint32_t seq = 1; seq < 4001; seq += 1000)
    send(seq, 1000);
  now_ += 30 * ms;
  receive(2001);
  receive(4001);
  send(4001, 1000);
  now_ += 30 * ms - 1;
  EXPECT_EQ(receive(5001), 30 * ms - 1);
  EXPECT_EQ(p_.minimum(), 30 * ms - 1);
}

TEST_F(precise, the_filter_keeps_the_first_sample) {
  for (std::uint32_t seq = 1; seq < 4001; seq += 1000)
    resend(seq, 1000);
  EXPECT_EQ(receive(2001), sample());
  EXPECT_EQ(receive(4001), sample());
  send(4001, 1000);
  now_ += 50 * ms;
  EXPECT_EQ(receive(5001), 50 * ms);
  EXPECT_EQ(p_.delayed_ack(), 1);
}

TEST_F(precise, without_the_filter_nothing_is_left_out) {
  filter_ = false;
  for (std::uint32_t seq = 1; seq < 8001; seq += 1000)
    send(seq, 1000);
  now_ += 30 * ms;
  receive(2001);
  receive(4001);
  EXPECT_EQ(receive(5001), 30 * ms);
  EXPECT_EQ(p_.delayed_ack(), 1);
}

TEST_F(precise, the_delay_guess_has_a_ceiling_and_a_floor) {
  for (std::uint32_t seq = 1; seq < 40001; seq += 1000)
    send(seq, 1000);
  receive(1001);
  EXPECT_EQ(p_.delayed_ack(), 0);
  for (std::uint32_t i = 1; i <= 8; ++i)
    receive(1001 + 3000 * i);
  EXPECT_EQ(p_.delayed_ack(), KHELP_ERTT_DLYACK_MAX);
}

// E-8
TEST_F(precise, one_acknowledgement_moves_the_delay_guess_once) {
  send(1, 1000, stamp{100, 9});
  resend(1, 1000, stamp{110, 9});
  resend(1, 1000, stamp{120, 9});
  send(1001, 1000, stamp{130, 9});
  receive(2001, stamp{10, 120});
  EXPECT_EQ(p_.delayed_ack(), 1);
}

// ---- super-segments

TEST_F(precise, each_acknowledged_part_of_a_super_segment_gives_a_sample) {
  send(1, 4000);
  now_ += 10 * ms;
  EXPECT_EQ(receive(1001), 10 * ms);
  now_ += ms;
  EXPECT_EQ(receive(3001), 11 * ms);
  now_ += ms;
  EXPECT_EQ(receive(4001), 12 * ms);
  EXPECT_EQ(p_.in_flight(), 0u);
  EXPECT_EQ(p_.marked(), 10 * ms);
}

TEST_F(precise, the_rest_of_a_super_segment_counts_as_one_segment) {
  for (std::uint32_t seq = 1; seq < 4001; seq += 1000)
    send(seq, 1000);
  receive(2001);
  receive(4001);
  ASSERT_EQ(p_.delayed_ack(), 2);
  send(4001, 4500);
  receive(8001);
  ASSERT_EQ(p_.delayed_ack(), 3);
  receive(8501);
  EXPECT_EQ(p_.delayed_ack(), 2);
}

TEST_F(precise, part_of_an_ordinary_segment_gives_none_and_its_end_does) {
  send(1, 1000);
  now_ += 10 * ms;
  EXPECT_EQ(receive(501), sample());
  now_ += ms;
  EXPECT_EQ(receive(1001), 11 * ms);
}

// ---- selective acknowledgements

TEST_F(precise, sack_measures_the_segment_at_the_end_of_the_highest_block) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 10 * ms;
  send(2001, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive_sack(1, {{1001, 3001}}), 20 * ms);
  EXPECT_EQ(p_.in_flight(), 1u) << "the missing segment waits for its retransmission";
}

TEST_F(precise, data_once_sacked_is_not_measured_again) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 20 * ms;
  receive_sack(1, {{1001, 2001}});
  now_ += 20 * ms;
  EXPECT_EQ(receive(2001), sample());
  EXPECT_EQ(p_.samples(), 1u);
}

TEST_F(precise, a_retransmission_that_is_sacked_gives_no_sample) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 300 * ms;
  resend(1001, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive_sack(1, {{1001, 2001}}), sample());
}

// E-13
TEST_F(precise, sack_is_used_when_the_cumulative_acknowledgement_moves_without_a_sample) {
  send(1, 1000);
  send(1001, 1000);
  send(2001, 1000);
  now_ += 300 * ms;
  resend(1, 1000);
  send(3001, 1000);
  now_ += 20 * ms;
  EXPECT_EQ(receive_sack(1001, {{2001, 4001}}), 20 * ms);
  EXPECT_EQ(p_.in_flight(), 1u);
}

TEST_F(precise, blocks_upside_down_are_harmless) {
  send(1, 1000);
  send(1001, 1000);
  EXPECT_EQ(receive_sack(1, {{2001, 1001}}), sample());
  EXPECT_EQ(p_.in_flight(), 2u);
}

// ---- marked segments

// E-6
TEST_F(precise, a_mark_passed_over_is_measured_with_the_segment_measured_instead) {
  send(1, 1000);
  now_ += 20 * ms;
  send(1001, 1000);
  now_ += 80 * ms;
  receive(2001);
  EXPECT_EQ(p_.marked(), 80 * ms);
}

TEST_F(precise, one_segment_per_round_trip_is_marked) {
  send(1, 1000);
  now_ += 10 * ms;
  send(1001, 1000);
  now_ += 10 * ms;
  receive(1001);
  EXPECT_EQ(p_.marked(), 20 * ms);
  now_ += 30 * ms;
  receive(2001);
  EXPECT_EQ(p_.marked(), 20 * ms) << "the second one was not marked";
  send(2001, 1000);
  now_ += 5 * ms;
  receive(3001);
  EXPECT_EQ(p_.marked(), 5 * ms);
}

// E-7
TEST_F(precise, time_zero_is_a_time_like_any_other) {
  now_ = 0;
  send(1, 1000);
  now_ = 20 * ms;
  send(1001, 1000);
  now_ = 100 * ms;
  EXPECT_EQ(receive(2001), 80 * ms);
  EXPECT_EQ(p_.marked(), 80 * ms);
}

TEST_F(precise, a_mark_that_cannot_be_measured_makes_room_for_the_next) {
  send(1, 1000);
  now_ += 300 * ms;
  resend(1, 1000);
  receive(1001);
  EXPECT_EQ(p_.marked(), sample());
  send(1001, 1000);
  now_ += 5 * ms;
  receive(2001);
  EXPECT_EQ(p_.marked(), 5 * ms);
}

TEST_F(precise, a_mark_that_cannot_be_measured_leaves_the_marked_round_trip_before_it) {
  send(1, 1000);
  now_ += 5 * ms;
  receive(1001);
  resend(1001, 1000);
  receive(2001);
  EXPECT_EQ(p_.marked(), 5 * ms);
}

// ---- memory

TEST_F(precise, without_memory_a_segment_goes_unmeasured_and_the_next_is_measured) {
  record_heap::left = 0;
  send(1, 1000);
  record_heap::left = INT64_MAX;
  send(1001, 1000);
  now_ += 10 * ms;
  EXPECT_EQ(receive(1001), sample());
  EXPECT_EQ(receive(2001), 10 * ms);
  EXPECT_EQ(p_.marked(), 10 * ms);
}

// E-12
TEST_F(precise, where_too_much_is_in_flight_some_goes_unmeasured) {
  std::uint32_t seq = 1;
  for (std::uint32_t i = 0; i < KHELP_ERTT_MAX_SEGMENTS + 1; ++i)
    send(seq++, 1);
  EXPECT_EQ(p_.in_flight(), static_cast<std::uint32_t>(KHELP_ERTT_MAX_SEGMENTS));
  now_ += 10 * ms;
  EXPECT_EQ(receive(2), 10 * ms);
  EXPECT_EQ(receive(seq), sample()) << "its end was not recorded";
  send(seq, 1000);
  now_ += ms;
  EXPECT_EQ(receive(seq + 1000), ms);
}

}  // namespace
