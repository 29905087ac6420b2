#include "ticks.hpp"

#include <gtest/gtest.h>

#include <khelp/tcp.h>

#include "record_heap.hpp"

namespace {

using khelp::ertt::record_heap;

/// An end that sends and receives; each field is what the next call says unless it says otherwise.
class ticks : public testing::Test {
 protected:
  void send(std::uint32_t seq, std::uint32_t len) {
    t_.send({.seq = seq,
             .len = len,
             .tso = tso_,
             .timestamped = timestamps_,
             .tsval = tsval_,
             .tsecr = tsecr_},
            now_, t_flags_);
  }

  void receive(std::uint32_t ack) {
    t_.receive({.ack = ack,
                .snd_una = una_,
                .last_sack_ack = sack_,
                .maxseg = maxseg_,
                .snd_cwnd = 7777,
                .timestamped = timestamps_,
                .tsval = tsval_,
                .tsecr = tsecr_},
               now_, t_flags_);
    if (static_cast<std::int32_t>(ack - una_) > 0)
      una_ = ack;
  }

  // Segments with a timestamp option, and acknowledgements that echo one.
  void send_stamped(std::uint32_t seq, std::uint32_t len, std::uint32_t peers = 1) {
    timestamps_ = true;
    tsval_ = now_;
    tsecr_ = peers;
    send(seq, len);
  }
  void receive_echo(std::uint32_t ack, std::uint32_t echo, std::uint32_t peers = 1) {
    timestamps_ = true;
    tsecr_ = echo;
    tsval_ = peers;
    receive(ack);
  }

  const khelp_ertt& e() const { return t_.values; }

  khelp::ertt::ticks t_;
  std::uint32_t now_ = 1000;
  std::uint32_t una_ = 1;
  std::uint32_t maxseg_ = 1000;
  std::uint32_t sack_ = 0;
  std::uint32_t t_flags_ = 0;
  std::uint32_t tsval_ = 0;
  std::uint32_t tsecr_ = 0;
  bool timestamps_ = false;
  bool tso_ = false;
};

// E-2
TEST_F(ticks, starts_with_every_value_zero) {
  EXPECT_EQ(e().bytes_tx_in_rtt, 0);
  EXPECT_EQ(e().bytes_tx_in_marked_rtt, 0);
  EXPECT_EQ(e().marked_snd_cwnd, 0u);
  EXPECT_EQ(e().rtt, 0);
  EXPECT_EQ(e().minrtt, 0);
  EXPECT_EQ(e().maxrtt, 0);
  EXPECT_EQ(e().markedpkt_rtt, 0);
  EXPECT_EQ(e().flags, 0u);
}

TEST_F(ticks, a_sample_is_one_tick_longer_than_the_time_between) {
  send(1, 1000);
  now_ += 80;
  receive(1001);
  EXPECT_EQ(e().rtt, 81);
  EXPECT_EQ(e().minrtt, 81);
  EXPECT_EQ(e().maxrtt, 81);
  EXPECT_EQ(e().markedpkt_rtt, 81);
  EXPECT_EQ(e().bytes_tx_in_marked_rtt, 1000);
  EXPECT_EQ(e().marked_snd_cwnd, 7777u);
  EXPECT_EQ(e().flags, KHELP_ERTT_NEW_MEASUREMENT);
  EXPECT_EQ(t_.waiting, 0u);
}

TEST_F(ticks, segments_without_data_are_not_recorded) {
  send(1, 0);
  EXPECT_EQ(t_.waiting, 0u);
  EXPECT_EQ(e().flags, 0u);
}

TEST_F(ticks, the_shortest_and_the_longest_are_kept) {
  std::uint32_t seq = 1;
  for (std::uint32_t rtt : {50u, 20u, 90u, 60u}) {
    send(seq, 1000);
    now_ += rtt;
    receive(seq += 1000);
  }
  EXPECT_EQ(e().minrtt, 21);
  EXPECT_EQ(e().maxrtt, 91);
  EXPECT_EQ(e().rtt, 61);
}

TEST_F(ticks, bytes_are_counted_from_the_marked_segment_on) {
  send(1, 1000);
  send(1001, 1000);
  send(2001, 500);
  EXPECT_EQ(e().bytes_tx_in_rtt, 2500);
  EXPECT_EQ(e().flags, KHELP_ERTT_MEASUREMENT_IN_PROGRESS);
  now_ += 10;
  receive(1001);
  EXPECT_EQ(e().bytes_tx_in_marked_rtt, 2500);
  send(2501, 100);
  EXPECT_EQ(e().bytes_tx_in_rtt, 100);
}

// E-6
TEST_F(ticks, the_forced_measurement_overwrites_the_one_before_it) {
  maxseg_ = 1000;
  send(1, 1000);
  now_ += 20;
  send(1001, 1000);
  now_ += 80;
  receive(2001);
  EXPECT_EQ(e().rtt, 81);
  EXPECT_EQ(e().markedpkt_rtt, 101);
  EXPECT_EQ(e().bytes_tx_in_marked_rtt, 2000);
}

TEST_F(ticks, a_first_sample_from_the_future_is_kept_although_it_is_negative) {
  send_stamped(1, 1000);
  now_ -= 50;
  receive_echo(1001, 1000);
  EXPECT_EQ(e().rtt, -49);
  EXPECT_EQ(e().minrtt, -49);
  EXPECT_EQ(e().maxrtt, -49);
}

// E-7
TEST_F(ticks, a_mark_passed_on_at_time_zero_is_lost) {
  now_ = 0;
  send(1, 1000);
  now_ = 20;
  send(1001, 1000);
  now_ = 100;
  receive(2001);
  EXPECT_EQ(e().rtt, 81);
  EXPECT_EQ(e().markedpkt_rtt, 0);
  EXPECT_EQ(e().flags, KHELP_ERTT_MEASUREMENT_IN_PROGRESS);
}

TEST_F(ticks, sequence_numbers_and_time_may_wrap) {
  una_ = 0xfffffe00;
  now_ = 0xfffffff0;
  send(0xfffffe00, 1000);
  now_ += 80;
  receive(0xfffffe00 + 1000);
  EXPECT_EQ(e().rtt, 81);
}

TEST_F(ticks, an_old_acknowledgement_without_sack_changes_nothing) {
  una_ = 1001;
  send(1001, 1000);
  now_ += 10;
  receive(1001);
  receive(501);
  EXPECT_EQ(e().rtt, 0);
  EXPECT_EQ(t_.waiting, 1u);
}

TEST_F(ticks, an_acknowledgement_of_earlier_data_stops_at_a_later_segment) {
  send(5001, 1000);
  receive(2001);
  EXPECT_EQ(e().rtt, 0);
  EXPECT_EQ(t_.waiting, 1u);
}

TEST_F(ticks, single_segment_acknowledgements_lower_the_delay_guess_and_multiple_ones_raise_it) {
  for (std::uint32_t seq = 1; seq < 40001; seq += 1000)
    send(seq, 1000);
  for (std::uint32_t i = 1; i <= 6; ++i)
    receive(1 + 2000 * i);
  EXPECT_EQ(e().dlyack_rx, KHELP_ERTT_DLYACK_MAX);
  receive(13001);
  EXPECT_EQ(e().dlyack_rx, 4);
}

TEST_F(ticks, while_acknowledgements_seem_delayed_a_single_segment_gives_no_sample) {
  for (std::uint32_t seq = 1; seq < 8001; seq += 1000)
    send(seq, 1000);
  now_ += 30;
  receive(2001);
  receive(4001);
  EXPECT_EQ(e().dlyack_rx, 2);
  now_ += 30;
  receive(5001);
  EXPECT_EQ(e().dlyack_rx, 1);
  EXPECT_EQ(e().rtt, 31);
  receive(6001);
  EXPECT_EQ(e().dlyack_rx, 0);
  EXPECT_EQ(e().rtt, 61);
}

TEST_F(ticks, part_of_a_segment_leaves_the_delay_guess_alone) {
  maxseg_ = 2000;
  for (std::uint32_t seq = 1; seq < 4001; seq += 1000)
    send(seq, 1000);
  receive(2001);
  ASSERT_EQ(e().dlyack_rx, 1);
  receive(2501);
  EXPECT_EQ(e().dlyack_rx, 1);
}

TEST_F(ticks, an_echo_of_the_retransmission_discards_the_original) {
  send_stamped(1, 1000);
  now_ += 300;
  send_stamped(1, 1000);
  now_ += 40;
  receive_echo(1001, 1300);
  EXPECT_EQ(e().rtt, 41);
  EXPECT_EQ(e().minrtt, 41);
  EXPECT_EQ(t_.waiting, 0u);
}

TEST_F(ticks, an_echo_of_the_original_measures_it_although_it_was_resent) {
  send_stamped(1, 1000);
  now_ += 300;
  send_stamped(1, 1000);
  now_ += 1;
  receive_echo(1001, 1000);
  EXPECT_EQ(e().rtt, 302);
  EXPECT_EQ(t_.waiting, 1u);
}

TEST_F(ticks, an_echo_from_before_the_segment_stops_unless_acknowledgements_seem_delayed) {
  send_stamped(1, 1000);
  receive_echo(1001, 999);
  EXPECT_EQ(e().rtt, 0);
  EXPECT_EQ(t_.waiting, 1u);
  now_ += 10;
  send_stamped(1001, 1000);
  una_ = 1;
  now_ += 10;
  receive_echo(2001, 1000);
  EXPECT_EQ(e().dlyack_rx, 1);
  EXPECT_EQ(e().rtt, 11);
}

// E-8
TEST_F(ticks, each_stale_record_moves_the_delay_guess_once_more) {
  send_stamped(1, 1000);
  now_ += 10;
  send_stamped(1, 1000);
  now_ += 10;
  send_stamped(1, 1000);
  una_ = 1 - 2000;  // so that the acknowledgement looks like one of several segments
  receive_echo(1001, 1020);
  EXPECT_EQ(e().dlyack_rx, 3);
}

TEST_F(ticks, ten_timestamp_errors_end_the_use_of_timestamps) {
  std::uint32_t seq = 1;
  for (int i = 0; i < KHELP_ERTT_MAX_TIMESTAMP_ERRORS; ++i) {
    EXPECT_EQ(e().timestamp_errors, i);
    send_stamped(seq, 1000, 500);
    now_ += 5;
    receive_echo(seq += 1000, now_ - 5, 400);
  }
  EXPECT_EQ(e().timestamp_errors, 10);
  send_stamped(seq, 1000, 500);
  now_ += 9;
  receive_echo(seq + 1000, now_ + 100, 400);  // would be stale
  EXPECT_EQ(e().rtt, 10);
  EXPECT_EQ(e().timestamp_errors, 10);
}

TEST_F(ticks, a_super_segment_is_measured_at_each_acknowledged_part) {
  tso_ = true;
  send(1, 4000);
  tso_ = false;
  now_ += 10;
  receive(1001);
  EXPECT_EQ(e().rtt, 11);
  EXPECT_EQ(t_.waiting, 1u);
  EXPECT_EQ(e().flags & KHELP_ERTT_MEASUREMENT_IN_PROGRESS, 0u);
  now_ += 10;
  receive(2001);
  EXPECT_EQ(e().rtt, 21);
  now_ += 10;
  receive(4001);
  EXPECT_EQ(e().rtt, 31);
  EXPECT_EQ(t_.waiting, 0u);
  EXPECT_EQ(e().markedpkt_rtt, 11);
}

TEST_F(ticks, tso_is_off_for_one_segment_after_each_marked_measurement) {
  t_flags_ = KHELP_TF_TSO;
  send(1, 1000);
  receive(1001);
  EXPECT_EQ(t_flags_, 0u);
  EXPECT_NE(e().flags & KHELP_ERTT_TSO_DISABLED, 0u);
  tso_ = true;
  send(1001, 2000);  // built before TSO went off
  EXPECT_EQ(t_flags_, 0u);
  tso_ = false;
  send(3001, 1000);
  EXPECT_EQ(t_flags_, KHELP_TF_TSO);
  EXPECT_EQ(e().flags & KHELP_ERTT_TSO_DISABLED, 0u);
}

// E-4
TEST_F(ticks, without_memory_a_segment_is_not_recorded_and_tso_stays_off) {
  t_flags_ = KHELP_TF_TSO;
  send(1, 1000);
  receive(1001);
  record_heap::left = 0;
  send(1001, 1000);
  record_heap::left = INT64_MAX;
  EXPECT_EQ(t_.waiting, 0u);
  EXPECT_EQ(t_flags_, 0u);
  EXPECT_NE(e().flags & KHELP_ERTT_TSO_DISABLED, 0u);
}

TEST_F(ticks, sack_alone_measures_up_to_the_block_and_forgets_what_lies_before) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 10;
  send(2001, 1000);
  now_ += 30;
  sack_ = 3001;
  receive(1);
  EXPECT_EQ(e().rtt, 31);
  EXPECT_EQ(t_.waiting, 0u);
  EXPECT_EQ(e().dlyack_rx, 0);
}

// E-13
TEST_F(ticks, an_acknowledgement_that_moves_on_hides_its_sack_block) {
  send(1, 1000);
  send(1001, 1000);
  now_ += 10;
  send(2001, 1000);
  sack_ = 3001;
  receive(1001);
  EXPECT_EQ(e().rtt, 11);
  EXPECT_EQ(t_.waiting, 2u);
}

// E-10
TEST_F(ticks, an_old_acknowledgement_with_sack_ends_a_super_segment) {
  una_ = 1001;
  tso_ = true;
  send(1, 4000);
  sack_ = 9000;
  receive(501);
  EXPECT_EQ(t_.waiting, 0u);
}

// E-11
TEST_F(ticks, without_timestamps_a_stale_record_is_measured_first) {
  send(1, 1000);
  now_ += 300;
  send(1, 1000);
  now_ += 40;
  receive(1001);
  EXPECT_EQ(e().rtt, 341);
  EXPECT_EQ(t_.waiting, 1u);
}

// E-12
TEST_F(ticks, records_no_more_segments_than_its_limit) {
  for (std::uint32_t i = 0; i < KHELP_ERTT_MAX_SEGMENTS + 5; ++i)
    send(1 + i, 1);
  EXPECT_EQ(t_.waiting, static_cast<std::uint32_t>(KHELP_ERTT_MAX_SEGMENTS));
}

TEST_F(ticks, an_end_that_goes_gives_its_records_back) {
  auto before = record_heap::out;
  {
    khelp::ertt::ticks other;
    std::uint32_t flags = 0;
    other.send({.seq = 1, .len = 10}, 0, flags);
    other.send({.seq = 11, .len = 10}, 0, flags);
    EXPECT_EQ(record_heap::out, before + 2);
  }
  EXPECT_EQ(record_heap::out, before);
}

}  // namespace
