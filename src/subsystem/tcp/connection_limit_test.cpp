#include "subsystem/tcp/connection_limit.hpp"

#include <gtest/gtest.h>
#include <vector>

#include "subsystem/tcp/routing.hpp"

namespace khelp::tcp {
namespace {

/// Two engines under one limit. Connections are named by the packet that begins them.
class two_engines {
 public:
  explicit two_engines(const flow_limits& limits)
      : points_(std::move(points::attach()).value()),
        engines_{engine(limits, watchers_[0]), engine(limits, watchers_[1])},
        connection_limit_({&engines_[0], &engines_[1]}, limits) {
    for (watcher& each : watchers_)
      each.gone = &gone;
  }

  void syn(size_t who, uint16_t connection) { pass(who, connection, KHELP_TH_SYN); }
  void data(size_t who, uint16_t connection) { pass(who, connection, KHELP_TH_ACK); }

  /// Connections that were given up, in that order.
  std::vector<uint64_t> gone;

 private:
  struct watcher : flow_watcher {
    void closes(const flow& f, ending why) override {
      EXPECT_EQ(why, ending::evicted);
      EXPECT_EQ(now.phase, phase::evicted);
      gone->push_back(f.began_at);
    }
    std::vector<uint64_t>* gone = nullptr;
  };

  void pass(size_t who, uint16_t connection, uint8_t flags) {
    const auto now_ns = static_cast<int64_t>(++packet_);
    engines_[who].tick(packet_, {.when_ns = now_ns, .now_ns = now_ns});
    engines_[who].apply(segment_of(connection, flags, points_, hash_), &connection_limit_);
  }

  uint64_t packet_ = 0;
  points points_;
  flow_hash hash_;
  watcher watchers_[2];
  engine engines_[2];
  connection_limit connection_limit_;
};

TEST(connection_limit, engines_share_one_limit) {
  two_engines both({.flows = 3});
  both.data(0, 1);
  both.data(1, 2);
  both.data(0, 3);
  EXPECT_TRUE(both.gone.empty());
  both.data(1, 4);
  EXPECT_EQ(both.gone.size(), 1u);
}

TEST(connection_limit, of_those_that_were_active_once_the_first_goes_whoever_keeps_it) {
  two_engines both({.flows = 3});
  both.data(1, 1);
  both.data(0, 2);
  both.data(0, 3);
  both.data(0, 4);
  both.data(1, 5);
  EXPECT_EQ(both.gone, (std::vector<uint64_t>{1, 2}));
}

TEST(connection_limit, the_one_that_was_silent_for_longest_goes_whatever_its_age) {
  two_engines both({.flows = 3});
  both.data(1, 1);
  both.data(0, 2);
  both.data(0, 3);
  both.data(1, 1);
  both.data(0, 4);
  both.data(0, 3);
  both.data(1, 5);
  EXPECT_EQ(both.gone, (std::vector<uint64_t>{2, 1}));
}

TEST(connection_limit, a_flood_of_syns_drives_out_only_itself) {
  two_engines both({.flows = 100, .opening_flows = 2});
  both.data(0, 1);
  both.syn(0, 2);
  both.syn(1, 3);
  both.syn(0, 4);
  both.syn(1, 5);
  EXPECT_EQ(both.gone, (std::vector<uint64_t>{2, 3}));
}

TEST(connection_limit, what_matters_least_goes_first) {
  two_engines both({.flows = 2});
  both.data(0, 1);
  both.syn(1, 2);
  both.data(0, 3);
  EXPECT_EQ(both.gone, (std::vector<uint64_t>{2})) << "SYNs only";
}

}  // namespace
}  // namespace khelp::tcp
