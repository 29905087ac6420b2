// The C++ face, as a program and its helpers use it.
#include <chrono>
#include <gtest/gtest.h>
#include <string>

#include <khelp/khelp.hpp>

struct request {
  const char* path;
  long bytes;
};
KHELP_EVENT(request, path, bytes);

// The same name for another layout, as an old module would have it.
namespace old_layout {
constexpr std::uint64_t fingerprint = 42;
}

namespace {

constexpr std::uint32_t connection_class = KHELP_HELPER_CLASS_APP << 4;
int states_alive = 0;

struct traffic {
  long bytes = 0;
  std::string last;
  traffic() { ++states_alive; }
  ~traffic() { --states_alive; }
};

void add(request& r, traffic& t) {
  t.bytes += r.bytes;
  t.last = r.path;
}
int refuse_large(request& r) {
  return r.bytes > 1000 ? EFBIG : 0;
}

constexpr khelp::typed_hook<traffic> traffic_hooks[] = {khelp::hook<&add>("test.served")};
constexpr khelp_helper_x traffic_helper =
    khelp::helper("traffic", 1, connection_class, traffic_hooks);
constexpr khelp::typed_hook<void> policy_hooks[] = {khelp::hook<&refuse_large>("test.asked")};
constexpr khelp_helper_x policy_helper = khelp::helper("policy", 1, 0, policy_hooks);

constinit khelp::hook_point<request> served("test.served");
constinit khelp::hook_point<request> asked("test.asked", khelp::combine::first);

}  // namespace

TEST(khelp_hpp, a_typed_helper_gets_the_event_and_its_own_state_on_the_object) {
  ASSERT_TRUE(served.open());
  EXPECT_FALSE(served.enabled());
  auto helper = khelp::loaded_helper::load(traffic_helper);
  ASSERT_TRUE(helper) << helper.error().detail;
  EXPECT_TRUE(served.enabled());
  {
    khelp::object_slots slots;
    ASSERT_TRUE(slots.open(connection_class));
    EXPECT_EQ(states_alive, 1);
    request first{"/a", 10};
    request second{"/b", 5};
    served(first, slots);
    served(second, slots);
    const khelp::object_section section(slots);
    const auto* state = section.data<traffic>(helper->id());
    ASSERT_NE(state, nullptr);
    EXPECT_EQ(state->bytes, 15);
    EXPECT_EQ(state->last, "/b");
  }
  EXPECT_EQ(states_alive, 0) << "the framework ended it with the object";
  EXPECT_TRUE(helper->unload());
  EXPECT_FALSE(served.enabled());
  EXPECT_TRUE(served.close());
}

TEST(khelp_hpp, leaving_the_scope_unloads_and_ends_the_state_on_live_objects) {
  khelp::object_slots slots;
  {
    auto helper = khelp::loaded_helper::load(traffic_helper);
    ASSERT_TRUE(helper);
    ASSERT_TRUE(slots.open(connection_class));
    EXPECT_EQ(states_alive, 1);
  }
  EXPECT_EQ(states_alive, 0);
}

TEST(khelp_hpp, what_a_handle_had_is_unloaded_when_it_is_given_another) {
  ASSERT_TRUE(served.open());
  ASSERT_TRUE(asked.open());
  auto helper = khelp::loaded_helper::load(traffic_helper);
  auto other = khelp::loaded_helper::load(policy_helper);
  ASSERT_TRUE(helper && other);
  *helper = std::move(*other);
  EXPECT_FALSE(served.enabled());
  EXPECT_TRUE(asked.enabled());
  EXPECT_TRUE(helper->unload(KHELP_UNLOAD_WAIT, std::chrono::hours::max()));
  EXPECT_TRUE(asked.close());
  EXPECT_TRUE(served.close());
}

TEST(khelp_hpp, a_point_decides_by_its_rule) {
  ASSERT_TRUE(asked.open());
  request large{"/big", 2000};
  EXPECT_EQ(asked.decide(large), 0) << "nobody listens";
  auto helper = khelp::loaded_helper::load(policy_helper);
  ASSERT_TRUE(helper) << helper.error().detail;
  request small{"/small", 10};
  EXPECT_EQ(asked.decide(small), 0);
  EXPECT_EQ(asked.decide(large), EFBIG);
  EXPECT_TRUE(helper->unload());
  EXPECT_TRUE(asked.close());
}

TEST(khelp_hpp, a_hook_compiled_for_another_layout_of_the_event_is_refused_in_words) {
  ASSERT_TRUE(served.open());
  khelp_hookinfo_x stale = traffic_hooks[0].info;
  stale.fingerprint = old_layout::fingerprint;
  khelp_helper_x x = traffic_helper;
  x.name = "stale";
  x.hooks = &stale;
  auto helper = khelp::loaded_helper::load(x);
  ASSERT_FALSE(helper);
  EXPECT_EQ(helper.error().code, EINVAL);
  EXPECT_NE(helper.error().detail.find("request"), std::string::npos) << helper.error().detail;
  EXPECT_EQ(khelp_event_declare("request", old_layout::fingerprint), EEXIST);
  EXPECT_TRUE(served.close());
}
