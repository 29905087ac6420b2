// Walking the objects that hold a helper's data: what is told, and who waits for what meanwhile.
#include "core/helpers/object_walk.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <gtest/gtest.h>
#include <latch>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <khelp/khelp.hpp>

namespace {

using namespace khelp;

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 6;
constexpr std::int32_t test_type = KHELP_HHOOK_TYPE_APP + 0x300000;

// What hooks change and the report reads: nothing that could be read beside a hook.
struct account {
  std::map<std::uint64_t, std::uint64_t> by_turn;
};

// What a report does besides, while a test has something for it.
void (*in_report)() = nullptr;

int add_turn(std::int32_t, std::int32_t, void*, void*, void* data, khelp_osd*) {
  auto& a = *static_cast<account*>(data);
  const std::uint64_t turn = a.by_turn.size();
  a.by_turn[turn] = turn;
  return 0;
}

constexpr khelp_field fields[] = {
    {"turns", "", "times a hook ran", KHELP_FIELD_COUNT, 0},
    {"last", "us", "never measured", KHELP_FIELD_DURATION, 0},
    {"sum_us", "us", "sum of their numbers, as microseconds", KHELP_FIELD_DURATION, 0},
};

void report(const void* data, khelp_value* values) {
  if (in_report != nullptr)
    in_report();
  const auto& a = *static_cast<const account*>(data);
  std::int64_t sum = 0;
  for (const auto& [key, turn] : a.by_turn)
    sum += static_cast<std::int64_t>(turn) * 1000;
  values[0] = {static_cast<std::int64_t>(a.by_turn.size()), 1, 0};
  values[2] = {sum, 1, 0};
}

struct accountant {
  explicit accountant(std::uint32_t flags = KHELP_HELPER_NEEDS_OSD) {
    in_report = nullptr;
    hook.size = sizeof hook;
    hook.hook.hook_func = add_turn;
    hook.hook.hook_type = test_type;
    x.size = sizeof x;
    x.name = "accountant";
    x.version = 1;
    x.classes = test_class;
    x.flags = flags;
    x.data_size = sizeof(account);
    x.data_init = [](void* data, void*, int) {
      new (data) account;
      return 0;
    };
    x.data_fini = [](void* data, void*) { static_cast<account*>(data)->~account(); };
    x.hooks = &hook;
    x.nhooks = 1;
    x.fields = fields;
    x.nfields = std::size(fields);
    x.report = report;
    load();
  }
  ~accountant() { unload(KHELP_UNLOAD_REVOKE); }
  void load() { EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text(); }
  int unload(int how) { return khelp_helper_unregister(id, how, 0); }

  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
  std::int32_t id = 0;
};

struct point {
  point() { EXPECT_EQ(khelp_hhook_head_register(test_type, 0, &head, 0), 0); }
  ~point() { khelp_hhook_head_deregister(head); }
  void run(khelp_osd& osd) { khelp_hhook_run_hooks(head, nullptr, &osd); }
  khelp_hhook_head* head = nullptr;
};

struct session {
  explicit session(int n = 0) : number(n) {
    EXPECT_EQ(khelp_init_osd(test_class, &osd), 0) << khelp_failure_text();
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() { khelp_destroy_osd(&osd); }
  khelp_osd osd{};
  int number;
};

void name_session(const khelp_osd* osd, char* to, std::size_t size) {
  const auto* s =
      reinterpret_cast<const session*>(reinterpret_cast<const char*>(osd) - offsetof(session, osd));
  std::snprintf(to, size, "session %d", s->number);
}
struct named_sessions {
  named_sessions() { EXPECT_EQ(khelp_object_names(test_class, name_session), 0); }
  ~named_sessions() { khelp_object_names(test_class, nullptr); }
};

struct seen {
  std::string name;
  khelp_object_state state;
  std::optional<std::int64_t> turns;
  bool operator<(const seen& other) const { return name < other.name; }
};

std::vector<seen> walk(std::int32_t id, int expected = 0) {
  std::vector<seen> all;
  const auto done = for_each_object(id, [&](const live_object& o) {
    all.push_back({std::string(o.name()), o.state(), o.value("turns")});
  });
  EXPECT_EQ(done ? 0 : done.error().code, expected) << (done ? "" : done.error().detail);
  std::sort(all.begin(), all.end());
  return all;
}

// A report that a test holds inside.
struct held_report {
  static inline std::optional<std::latch> inside;
  static inline std::optional<std::latch> go_on;
  held_report() {
    inside.emplace(1);
    go_on.emplace(1);
    in_report = [] {
      if (inside->try_wait())
        return;
      inside->count_down();
      go_on->wait();
    };
  }
};

void let_others_run() {
  for (int i = 0; i < 100; ++i)
    std::this_thread::yield();
}

bool is_going(const char* name) {
  struct asked {
    std::string_view name;
    bool is_going = false;
  } a{name};
  khelp_stats_helpers(
      [](void* arg, const khelp_helper_stat* stat) {
        auto& to = *static_cast<asked*>(arg);
        to.is_going = to.is_going || (to.name == stat->name && stat->state == KHELP_HELPER_GOING);
      },
      &a);
  return a.is_going;
}

bool is_lent(const khelp_osd& osd) {
  return (osd.osd_state & osd_lent) != 0;
}

// ---- what is told ----

TEST(object_walk, tells_every_object_that_holds_the_data_with_its_fields_and_its_name) {
  point p;
  accountant helper;
  const named_sessions named;
  std::vector<std::unique_ptr<session>> sessions;
  for (int n = 10; n < 60; ++n) {
    sessions.push_back(std::make_unique<session>(n));
    for (int turn = 0; turn < n; ++turn)
      p.run(sessions.back()->osd);
  }
  sessions.erase(sessions.begin());
  const std::vector<seen> all = walk(helper.id);
  ASSERT_EQ(all.size(), 49u);
  for (int n = 11; n < 60; ++n) {
    const seen& s = all[static_cast<std::size_t>(n - 11)];
    EXPECT_EQ(s.name, "session " + std::to_string(n));
    EXPECT_EQ(s.state, KHELP_OBJECT_READ);
    EXPECT_EQ(s.turns, n);
  }
}

TEST(object_walk, a_value_that_was_not_measured_is_none_and_the_visitor_may_stop) {
  point p;
  accountant helper;
  session first(1), second(2);
  int called = 0;
  const auto done = for_each_object(helper.id, [&](const live_object& o) {
    ++called;
    EXPECT_EQ(o.fields().size(), std::size(fields));
    EXPECT_EQ(o.value("last"), std::nullopt);
    EXPECT_EQ(o.value("nothing of that name"), std::nullopt);
    EXPECT_EQ(o.name(), "");
    EXPECT_EQ(o.classes(), test_class);
    return false;
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(called, 1);
  EXPECT_THROW((void)for_each_object(
                   helper.id, [](const live_object&) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  EXPECT_EQ(walk(helper.id).size(), 2u) << "and nothing stays lent";
  EXPECT_EQ(walk(helper.id + 1, ENOENT).size(), 0u);
}

TEST(object_walk, a_report_that_throws_costs_its_values) {
  accountant helper;
  session s(1);
  in_report = [] { throw std::runtime_error("no"); };
  const std::vector<seen> all = walk(helper.id);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].state, KHELP_OBJECT_REPORT_THREW);
  EXPECT_EQ(all[0].turns, std::nullopt);
}

TEST(object_walk, ebusy_says_what_a_person_can_use) {
  point p;
  accountant helper;
  session first(7);
  p.run(first.osd);
  p.run(first.osd);
  EXPECT_EQ(helper.unload(KHELP_UNLOAD_REFUSE), EBUSY);
  EXPECT_STREQ(khelp_failure_text(),
               "helper 'accountant': 1 object holds its data: one of class 0x400000 "
               "(turns 2, sum_us 1.000 us)");
  const named_sessions named;
  std::array<session, 5> more{session(8), session(8), session(8), session(8), session(8)};
  EXPECT_EQ(khelp_helper_unregister(helper.id, KHELP_UNLOAD_WAIT, 1), ETIMEDOUT);
  const std::string words = khelp_failure_text();
  EXPECT_EQ(words.find("helper 'accountant': 6 objects hold its data: session "), 0u) << words;
  EXPECT_NE(words.find("session 8 (turns 0, sum_us 0.000 us), …"), std::string::npos) << words;
}

// ---- beside others ----

TEST(object_walk, an_object_that_a_run_is_inside_of_is_told_and_not_read) {
  accountant helper;
  const named_sessions named;
  session busy(1), idle(2);
  std::latch inside(1), go_on(1);
  std::thread owner([&] {
    const object_section section(&busy.osd);
    inside.count_down();
    go_on.wait();
  });
  inside.wait();
  const std::vector<seen> all = walk(helper.id);
  go_on.count_down();
  owner.join();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].state, KHELP_OBJECT_IN_USE);
  EXPECT_EQ(all[0].turns, std::nullopt);
  EXPECT_EQ(all[1].state, KHELP_OBJECT_READ);
}

TEST(object_walk, a_hook_of_the_helper_on_an_object_that_is_read_waits_and_is_not_skipped) {
  for (const std::uint32_t flags : {0u, unsigned{KHELP_HELPER_ADOPT}}) {
    point p;
    accountant helper(KHELP_HELPER_NEEDS_OSD | flags);
    session s(1);
    const held_report held;
    std::thread walker([&] { walk(helper.id); });
    held_report::inside->wait();
    std::atomic<bool> ran{false};
    std::thread owner([&] {
      p.run(s.osd);
      ran = true;
    });
    let_others_run();
    EXPECT_FALSE(ran);
    held_report::go_on->count_down();
    owner.join();
    walker.join();
    EXPECT_EQ(walk(helper.id).at(0).turns, 1);
  }
}

TEST(object_walk, data_that_is_read_is_not_missed_by_id) {
  accountant helper;
  session s(1);
  void* const data = khelp_get_osd(&s.osd, helper.id);
  ASSERT_NE(data, nullptr);
  const held_report held;
  std::thread walker([&] { walk(helper.id); });
  held_report::inside->wait();
  void* found = nullptr;
  std::thread other([&] {
    const object_section section(&s.osd);
    found = khelp_get_osd(&s.osd, helper.id);
  });
  let_others_run();
  held_report::go_on->count_down();
  other.join();
  walker.join();
  EXPECT_EQ(found, data);
}

TEST(object_walk, an_owner_that_destroys_its_object_waits_until_it_has_been_read) {
  accountant helper;
  auto s = std::make_unique<session>(1);
  const held_report held;
  std::thread walker([&] { EXPECT_EQ(walk(helper.id).size(), 1u); });
  held_report::inside->wait();
  std::thread owner([&] { s.reset(); });
  let_others_run();
  held_report::go_on->count_down();
  owner.join();
  walker.join();
  EXPECT_EQ(helper.unload(KHELP_UNLOAD_REFUSE), 0) << khelp_failure_text();
  helper.load();
}

TEST(object_walk, a_second_initialisation_does_not_give_an_object_that_is_read_other_data) {
  accountant helper;
  session s(1);
  void* const data = khelp_get_osd(&s.osd, helper.id);
  const held_report held;
  std::thread walker([&] { walk(helper.id); });
  held_report::inside->wait();
  std::thread owner([&] { EXPECT_EQ(khelp_init_osd(test_class, &s.osd), 0); });
  let_others_run();
  held_report::go_on->count_down();
  owner.join();
  walker.join();
  EXPECT_EQ(khelp_get_osd(&s.osd, helper.id), data);
}

TEST(object_walk, a_revoke_takes_the_data_when_it_has_been_read_and_ends_the_walk) {
  accountant helper;
  const named_sessions named;
  std::vector<std::unique_ptr<session>> sessions;
  for (int n = 0; n < 100; ++n)
    sessions.push_back(std::make_unique<session>(n));
  const held_report held;
  std::thread walker([&] { EXPECT_LT(walk(helper.id, ECANCELED).size(), 100u); });
  held_report::inside->wait();
  std::thread remover(
      [&] { EXPECT_EQ(helper.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text(); });
  while (!is_going("accountant"))
    std::this_thread::yield();
  held_report::go_on->count_down();
  walker.join();
  remover.join();
  for (const auto& s : sessions)
    EXPECT_FALSE(is_lent(s->osd));
  helper.load();
}

TEST(object_walk, the_visitor_may_unload_the_helper_and_walks_do_not_nest) {
  accountant helper;
  session first(1), second(2);
  int told = 0;
  const auto done = for_each_object(helper.id, [&](const live_object&) {
    ++told;
    EXPECT_EQ(walk(helper.id, EDEADLK).size(), 0u);
    EXPECT_EQ(helper.unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
    return true;
  });
  EXPECT_EQ(done ? 0 : done.error().code, ECANCELED);
  EXPECT_EQ(told, 1);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(khelp_get_id("accountant"), -1);
  helper.load();
}

TEST(object_walk, a_visitor_that_does_not_return_does_not_hold_up_an_unload_for_ever) {
  accountant helper;
  auto s = std::make_unique<session>(1);
  std::latch inside(1), go_on(1);
  std::thread walker([&] {
    (void)for_each_object(helper.id, [&](const live_object&) {
      inside.count_down();
      go_on.wait();
    });
  });
  inside.wait();
  s.reset();
  EXPECT_EQ(khelp_helper_unregister(helper.id, KHELP_UNLOAD_REVOKE, 1), ETIMEDOUT);
  EXPECT_NE(std::string(khelp_failure_text()).find("a walk over objects"), std::string::npos)
      << khelp_failure_text();
  go_on.count_down();
  walker.join();
  EXPECT_EQ(khelp_reap(), 0);
  helper.load();
}

TEST(object_walk, in_the_child_of_a_fork_what_another_thread_had_lent_is_back) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of several threads";
#endif
  accountant helper;
  session s(1);
  void* const data = khelp_get_osd(&s.osd, helper.id);
  const held_report held;
  std::thread walker([&] { walk(helper.id); });
  held_report::inside->wait();
  const pid_t child = fork();
  if (child == 0) {
    const bool back = khelp_get_osd(&s.osd, helper.id) == data && !is_lent(s.osd);
    in_report = nullptr;
    _exit(back && walk(helper.id).size() == 1 ? 0 : 1);
  }
  held_report::go_on->count_down();
  walker.join();
  int status = 1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

// Hooks, owners that come and go, revokes and walks at once, over data that no two may touch at once.
TEST(object_walk, goes_on_beside_runs_destroys_and_revokes) {
  point p;
  accountant helper;
  std::atomic<bool> stop{false};
  std::atomic<int> read{0};
  const auto owner = [&] {
    while (!stop) {
      session s(1);
      for (int i = 0; i < 20; ++i)
        p.run(s.osd);
    }
  };
  std::thread owners[] = {std::thread(owner), std::thread(owner)};
  std::thread loader([&] {
    for (int round = 0; round < 3; ++round) {
      EXPECT_EQ(khelp_helper_unregister(khelp_get_id("accountant"), KHELP_UNLOAD_REVOKE, -1), 0);
      std::int32_t id = 0;
      EXPECT_EQ(khelp_helper_register(&helper.x, &id), 0) << khelp_failure_text();
      let_others_run();
    }
    stop = true;
  });
  while (!stop) {
    (void)for_each_object(khelp_get_id("accountant"), [&](const live_object& o) {
      if (o.state() != KHELP_OBJECT_READ)
        return;
      const std::int64_t turns = *o.value("turns");
      EXPECT_EQ(*o.value("sum_us"), turns * (turns - 1) / 2 * 1000);
      ++read;
    });
  }
  for (std::thread& t : owners)
    t.join();
  loader.join();
  helper.id = khelp_get_id("accountant");
}

}  // namespace
