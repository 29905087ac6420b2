// Helpers that are unloaded together.
#include <array>
#include <atomic>
#include <cerrno>
#include <gtest/gtest.h>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include <khelp/error.h>
#include <khelp/khelp.h>

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP << 3;
constexpr std::int32_t point_type = KHELP_HHOOK_TYPE_APP + 0x200000;

std::vector<std::string> ended;

template <char Which>
int note_end() {
  ended.emplace_back(1, Which);
  return 0;
}

// A helper with one hook at a point of its own, and data on objects.
struct member {
  member(const char* name, std::int32_t point_id, khelp_hhook_func_t hook_func,
         int (*mod_destroy)()) {
    EXPECT_EQ(khelp_hhook_head_register(point_type, point_id, &head, 0), 0);
    hook.size = sizeof hook;
    hook.hook.hook_func = hook_func;
    hook.hook.hook_udata = this;
    hook.hook.hook_type = point_type;
    hook.hook.hook_id = point_id;
    x.size = sizeof x;
    x.name = name;
    x.version = 1;
    x.classes = test_class;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = sizeof(long);
    x.mod_destroy = mod_destroy;
    x.hooks = &hook;
    x.nhooks = 1;
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
  }
  ~member() {
    khelp_helper_unregister(id, KHELP_UNLOAD_REVOKE, 0);
    khelp_hhook_head_deregister(head);
  }
  void run(khelp_osd* osd) const { khelp_hhooks_run_if(head, nullptr, osd); }
  bool is_loaded() const { return khelp_get_id(x.name) == id; }

  khelp_hookinfo_x hook{};
  khelp_helper_x x{};
  khelp_hhook_head* head = nullptr;
  std::int32_t id = 0;
  int calls = 0;
};

int count_call(std::int32_t, std::int32_t, void* udata, void*, void*, khelp_osd*) {
  ++static_cast<member*>(udata)->calls;
  return 0;
}

class together : public testing::Test {
 protected:
  together() { ended.clear(); }
  ~together() override { khelp_destroy_osd(&object); }

  int unload(int how, std::int64_t timeout_ns = 0) {
    return khelp_helpers_unregister(ids.data(), ids.size(), how, timeout_ns);
  }
  void make_object() { ASSERT_EQ(khelp_init_osd(test_class, &object), 0); }

  member a{"together_a", 1, count_call, note_end<'a'>};
  member b{"together_b", 2, count_call, note_end<'b'>};
  member c{"together_c", 3, count_call, note_end<'c'>};
  std::vector<std::int32_t> ids{c.id, a.id, b.id};
  khelp_osd object{};
};

TEST_F(together, helpers_end_in_the_order_given) {
  EXPECT_EQ(unload(KHELP_UNLOAD_REFUSE), 0) << khelp_failure_text();
  EXPECT_EQ(ended, (std::vector<std::string>{"c", "a", "b"}));
  EXPECT_FALSE(a.is_loaded() || b.is_loaded() || c.is_loaded());
  a.run(nullptr);
  EXPECT_EQ(a.calls, 0);
}

TEST_F(together, none_goes_when_one_is_refused) {
  khelp_helper_unregister(c.id, KHELP_UNLOAD_REFUSE, 0);
  make_object();
  khelp_helper_register(&c.x, &c.id);
  ids = {c.id, a.id};
  EXPECT_EQ(unload(KHELP_UNLOAD_REFUSE), EBUSY);
  EXPECT_NE(std::string(khelp_failure_text()).find("together_a"), std::string::npos);
  EXPECT_TRUE(a.is_loaded() && c.is_loaded());
  EXPECT_EQ(ended, std::vector<std::string>{"c"});
  a.run(&object);
  EXPECT_EQ(a.calls, 1);
  khelp_osd later{};
  ASSERT_EQ(khelp_init_osd(test_class, &later), 0);
  EXPECT_NE(khelp_get_osd(&later, c.id), nullptr) << "it gives objects data as before";
  khelp_destroy_osd(&later);
}

TEST_F(together, none_goes_when_one_is_unknown_or_named_twice) {
  ids = {a.id, 4000, b.id};
  EXPECT_EQ(unload(KHELP_UNLOAD_REFUSE), ENOENT);
  ids = {a.id, b.id, a.id};
  EXPECT_EQ(unload(KHELP_UNLOAD_REFUSE), EINVAL);
  EXPECT_TRUE(a.is_loaded() && b.is_loaded());
  EXPECT_EQ(khelp_helpers_unregister(nullptr, 0, KHELP_UNLOAD_REFUSE, 0), 0);
}

TEST_F(together, a_revoke_takes_the_data_of_all) {
  make_object();
  EXPECT_EQ(unload(KHELP_UNLOAD_REVOKE), 0) << khelp_failure_text();
  for (const member* m : {&a, &b, &c})
    EXPECT_EQ(khelp_get_osd(&object, m->id), nullptr);
  EXPECT_EQ(ended.size(), 3u);
}

TEST_F(together, a_wait_ends_when_the_last_object_has_gone) {
  make_object();
  EXPECT_EQ(unload(KHELP_UNLOAD_WAIT, 1'000'000), ETIMEDOUT);
  EXPECT_TRUE(a.is_loaded() && b.is_loaded() && c.is_loaded());
  std::jthread owner([this] { khelp_destroy_osd(&object); });
  EXPECT_EQ(unload(KHELP_UNLOAD_WAIT, -1), 0) << khelp_failure_text();
  EXPECT_EQ(ended.size(), 3u);
}

// A hook that says when it is inside, and stays until it may go.
struct gate {
  std::latch inside{1};
  std::latch may_go{1};
};
int stay(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  auto& g = *static_cast<gate*>(ctx);
  g.inside.count_down();
  g.may_go.wait();
  return 0;
}

TEST(together_with_runs, nobody_is_inside_any_of_them_afterwards) {
  member first("stay_1", 11, stay, nullptr);
  member second("stay_2", 12, stay, nullptr);
  khelp_osd object{};
  ASSERT_EQ(khelp_init_osd(test_class, &object), 0);
  std::array<gate, 2> gates;
  std::atomic<int> left{0};
  const auto run = [&](const member& m, gate& g) {
    khelp_hhook_run_hooks(m.head, &g, &object);
    ++left;
  };
  std::jthread one([&] { run(first, gates[0]); });
  std::jthread two([&] { run(second, gates[1]); });
  gates[0].inside.wait();
  gates[1].inside.wait();
  std::jthread opener([&] {
    gates[1].may_go.count_down();
    gates[0].may_go.count_down();
  });
  const std::int32_t ids[] = {first.id, second.id};
  EXPECT_EQ(khelp_helpers_unregister(ids, 2, KHELP_UNLOAD_REVOKE, 0), 0) << khelp_failure_text();
  EXPECT_FALSE(first.is_loaded() || second.is_loaded());
  EXPECT_EQ(khelp_get_osd(&object, first.id), nullptr);
  one.join();
  two.join();
  EXPECT_EQ(left, 2);
  khelp_destroy_osd(&object);
}

int unload_from_inside(std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
  const auto& ids = *static_cast<const std::vector<std::int32_t>*>(ctx);
  EXPECT_EQ(khelp_helpers_unregister(ids.data(), ids.size(), KHELP_UNLOAD_WAIT, -1), EDEADLK);
  EXPECT_EQ(khelp_helpers_unregister(ids.data(), ids.size(), KHELP_UNLOAD_REVOKE, 0), 0);
  return 0;
}

TEST_F(together, from_inside_a_hook_the_rest_is_left_for_a_reap) {
  khelp_hookinfo hook{};
  hook.hook_func = unload_from_inside;
  ASSERT_EQ(khelp_hhook_add_hook(a.head, &hook, KHELP_HHOOK_WAITOK), 0);
  khelp_hhook_run_hooks(a.head, &ids, nullptr);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(ended, (std::vector<std::string>{"a", "b", "c"})) << "in load order";
}

// A helper whose data's end unloads it.
struct ends_itself {
  explicit ends_itself(int asked) {
    how = asked;
    x.size = sizeof x;
    x.name = "ends_itself";
    x.version = 1;
    x.classes = test_class;
    x.flags = KHELP_HELPER_NEEDS_OSD;
    x.data_size = sizeof(long);
    x.data_fini = [](void*, void*) { answer = khelp_helper_unregister(id, how, -1); };
    EXPECT_EQ(khelp_helper_register(&x, &id), 0) << khelp_failure_text();
    EXPECT_EQ(khelp_init_osd(test_class, &object), 0);
  }

  static inline std::int32_t id = 0;
  static inline int how = 0;
  static inline int answer = 0;
  khelp_helper_x x{};
  khelp_osd object{};
};

TEST(end_of_data, a_revoke_of_its_helper_returns_at_once_and_is_finished_later) {
  ends_itself one(KHELP_UNLOAD_REVOKE);
  khelp_destroy_osd(&one.object);
  EXPECT_EQ(ends_itself::answer, 0);
  EXPECT_EQ(khelp_reap(), 0);
  EXPECT_EQ(khelp_get_id("ends_itself"), -1);
  EXPECT_EQ(khelp_helper_unregister(ends_itself::id, KHELP_UNLOAD_REFUSE, 0), ENOENT);
}

TEST(end_of_data, a_wait_for_its_helper_is_a_deadlock_that_is_refused) {
  ends_itself one(KHELP_UNLOAD_WAIT);
  khelp_destroy_osd(&one.object);
  EXPECT_EQ(ends_itself::answer, EDEADLK);
  EXPECT_EQ(khelp_helper_unregister(ends_itself::id, KHELP_UNLOAD_REFUSE, 0), 0);
}

}  // namespace
