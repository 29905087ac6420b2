#include "app/replay/merger.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

using tcp::phase;

/// Batches of two shards, and what is made of them: "connection's text/number".
class two_shards {
 public:
  two_shards() : batch_(2) {
    for (tcp::shard_outcome& each : batch_)
      each.found = std::make_unique<shard_events>();
  }

  void add(std::size_t shard, replay_event::kind_of_event kind, std::uint64_t connection,
           const tcp::event_key& when, const std::string& text = "") {
    shard_events& found = of(shard);
    replay_event one;
    one.kind = kind;
    one.connection = connection;
    one.when = when;
    one.text_begin = found.text.size();
    found.text += text;
    one.text_end = found.text.size();
    found.all.push_back(std::move(one));
  }
  void began(std::size_t shard, std::uint64_t packet) {
    add(shard, replay_event::began, packet, {packet});
  }
  void over() { merged_.add(batch_); }

  std::vector<std::string> seen;

 private:
  shard_events& of(std::size_t shard) { return static_cast<shard_events&>(*batch_[shard].found); }

  std::vector<tcp::shard_outcome> batch_;
  merger merged_{[this](const replay_event&, std::string_view text, std::uint64_t number) {
    seen.push_back(std::string(text) + "/" + std::to_string(number));
  }};
};

TEST(merger, connections_are_numbered_in_the_order_of_their_beginnings_in_all_shards) {
  two_shards all;
  all.began(0, 3);
  all.began(0, 9);
  all.began(1, 5);
  all.add(1, replay_event::closed, 5, {20, phase::silent_open}, "b");
  all.add(0, replay_event::closed, 9, {21, phase::silent_open}, "c");
  all.add(0, replay_event::closed, 3, {22, phase::silent_open}, "a");
  all.over();
  EXPECT_EQ(all.seen, (std::vector<std::string>{"b/2", "c/3", "a/1"}));
}

TEST(merger, a_number_lasts_through_the_rounds) {
  two_shards all;
  all.began(0, 1);
  all.began(1, 2);
  all.over();
  all.began(0, 3);
  all.add(1, replay_event::sample, 2, {4}, "s");
  all.over();
  all.add(1, replay_event::closed, 2, {5, phase::reused}, "b");
  all.add(0, replay_event::closed, 3, {6, phase::reused}, "c");
  all.over();
  EXPECT_EQ(all.seen, (std::vector<std::string>{"s/2", "b/2", "c/3"}));
}

TEST(merger, what_happens_at_one_packet_is_ordered_by_stage_then_queue_then_beginning) {
  two_shards all;
  for (const std::uint64_t packet : {1, 3, 5})
    all.began(0, packet);
  for (const std::uint64_t packet : {2, 4})
    all.began(1, packet);
  all.add(0, replay_event::closed, 1, {9, phase::silent_open, 12, 1}, "third");
  all.add(0, replay_event::closed, 3, {9, phase::silent_ending, 3, 3}, "fourth");
  all.add(0, replay_event::closed, 5, {9, phase::flushed_ending, 1, 5}, "last");
  all.add(1, replay_event::closed, 4, {9, phase::silent_opening, 14, 4}, "first");
  all.add(1, replay_event::closed, 2, {9, phase::silent_open, 11, 2}, "second");
  all.over();
  EXPECT_EQ(all.seen,
            (std::vector<std::string>{"first/4", "second/2", "third/1", "fourth/3", "last/5"}));
}

}  // namespace
}  // namespace khelp::app
