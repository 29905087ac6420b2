#include "subsystem/tcp/shard.hpp"

#include <gtest/gtest.h>
#include <utility>
#include <vector>

#include <khelp/clock.h>

#include "subsystem/tcp/routing.hpp"

namespace khelp::tcp {
namespace {

constexpr int64_t second = 1'000'000'000;

/// What a shard said, as (packet, what happened).
using story = std::vector<std::pair<uint64_t, std::string>>;

class teller : public shard_watcher {
 public:
  explicit teller(story& told) : told_(told) {}
  void began(const flow& f) override { told_.emplace_back(now.packet, "began " + name(f)); }
  void closes(const flow& f, ending why) override {
    told_.emplace_back(now.packet, (why == ending::flushed ? "flushed " : "silent ") + name(f) +
                                       " at " + std::to_string(khelp_clock_ns() / second));
  }

 private:
  static std::string name(const flow& f) { return std::to_string(f.ends[0].who.inp_laddr[3]); }
  story& told_;
};

/// Batches for one of two shards. A packet a second.
class batches {
 public:
  batches() { work_.of_shard.resize(2), work_.outcomes.resize(2); }
  ~batches() { khelp_clock_reset(); }

  batches& mine(uint16_t connection) {
    add(connection, 1);
    return *this;
  }
  batches& others() {
    add(99, 0);
    return *this;
  }
  batches& nobodys(int seconds = 1) {
    time_ += seconds * second;
    work_.times.push_back({time_, time_});
    return *this;
  }
  void run(shard& one) {
    work_.first_packet = next_packet_;
    one.run(work_, nullptr);
    next_packet_ += work_.times.size();
    work_.times.clear();
    work_.segments.clear();
    for (auto& list : work_.of_shard)
      list.clear();
  }
  batch& work() { return work_; }

 private:
  void add(uint16_t connection, size_t whose) {
    nobodys();
    work_.segments.add() = segment_of(connection, KHELP_TH_ACK, points_, hash_);
    work_.segments.back().time = static_cast<uint32_t>(work_.times.size() - 1);
    work_.of_shard[whose].push_back(static_cast<uint32_t>(work_.segments.size() - 1));
  }

  points points_ = std::move(points::attach()).value();
  flow_hash hash_;
  batch work_;
  uint64_t next_packet_ = 1;
  int64_t time_ = 0;
};

TEST(shard, follows_its_own_connections_only) {
  batches all;
  story told;
  shard one(1, {}, std::make_unique<teller>(told));
  all.mine(1).others().mine(2).run(one);
  EXPECT_EQ(told, (story{{1, "began 1"}, {3, "began 2"}}));
  EXPECT_EQ(all.work().outcomes[1].live, 2u);
}

TEST(shard, a_connection_falls_silent_at_the_packet_of_another_shard) {
  batches all;
  story told;
  shard one(1, {.open_ns = 3 * second}, std::make_unique<teller>(told));
  all.mine(1).others().others().others().others().mine(2).run(one);
  EXPECT_EQ(told, (story{{1, "began 1"}, {5, "silent 1 at 5"}, {6, "began 2"}}));
}

TEST(shard, a_connection_falls_silent_in_a_round_without_segments) {
  batches all;
  story told;
  shard one(1, {.open_ns = 3 * second}, std::make_unique<teller>(told));
  all.mine(1).run(one);
  all.nobodys().run(one);
  all.nobodys().nobodys().nobodys().run(one);
  EXPECT_EQ(told, (story{{1, "began 1"}, {5, "silent 1 at 5"}}));
}

TEST(shard, several_fall_silent_each_at_its_packet) {
  batches all;
  story told;
  shard one(1, {.open_ns = 3 * second}, std::make_unique<teller>(told));
  all.mine(1).mine(2).run(one);
  all.nobodys().nobodys().nobodys(2).nobodys().run(one);
  EXPECT_EQ(told,
            (story{{1, "began 1"}, {2, "began 2"}, {5, "silent 1 at 6"}, {5, "silent 2 at 6"}}));
}

TEST(shard, a_flush_closes_up_to_where_it_is_told) {
  batches all;
  story told;
  shard one(1, {}, std::make_unique<teller>(told));
  all.mine(1).mine(2).mine(3).run(one);
  told.clear();
  std::vector<event_key> closings;
  one.connections().list_flush(4, closings);
  std::sort(closings.begin(), closings.end());
  ASSERT_EQ(closings.size(), 3u);
  all.work().closing = {{3 * second, 3 * second}, closings[1], closing_reason::flushed};
  all.run(one);
  EXPECT_EQ(told, (story{{4, "flushed 1 at 3"}, {4, "flushed 2 at 3"}}));
  EXPECT_EQ(all.work().outcomes[1].live, 1u);
}

}  // namespace
}  // namespace khelp::tcp
