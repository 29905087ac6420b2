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

namespace {

struct zeros {
  std::uint64_t seen = 0;
  double mean = 0;
};
struct one {
  int first = 1;
};
template <class State>
void ignore(request&, State&) {}
template <class State>
constexpr khelp::typed_hook<State> ignoring[] = {khelp::hook<&ignore<State>>("test.served")};
template <class State>
constexpr khelp_helper_x helper_of = khelp::helper("ignoring", 1, connection_class,
                                                   ignoring<State>);

}  // namespace

TEST(khelp_hpp, a_state_that_begins_as_zero_bytes_has_no_constructor_to_call) {
  EXPECT_EQ(helper_of<zeros>.data_init, nullptr);
  EXPECT_NE(helper_of<one>.data_init, nullptr);
  EXPECT_NE(helper_of<traffic>.data_init, nullptr);
}

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

namespace {

// Hooks of every shape.
bool is_large(const request& r) noexcept {
  return r.bytes > 1000;
}
constexpr khelp::typed_hook<void> verdicts[] = {
    khelp::hook<is_large>("test.asked"),
    khelp::hook<[](request& r) { r.bytes *= 2; }>("test.asked", {.priority = -1}),
};
constexpr khelp_helper_x verdict_helper = khelp::helper("verdicts", 1, 0, verdicts);

constexpr khelp::typed_hook<traffic> seen_by[] = {
    khelp::hook<[](const request& r, traffic& t) noexcept { return t.bytes += r.bytes, false; }>(
        "test.served"),
    khelp::hook<[](request&, const traffic& t, khelp_osd*) { EXPECT_EQ(t.bytes, 20); }>(
        "test.served"),
};
constexpr khelp_helper_x seeing_helper = khelp::helper("seeing", 3, connection_class, seen_by);

// What KHELP_MODULE(seeing_helper) writes into a file.
constexpr khelp_modinfo_module seeing_record = khelp::detail::module_record(seeing_helper);

}  // namespace

TEST(khelp_hpp, a_hook_may_be_noexcept_or_a_lambda_and_its_verdict_a_bool) {
  ASSERT_TRUE(asked.open());
  auto helper = khelp::loaded_helper::load(verdict_helper);
  ASSERT_TRUE(helper) << helper.error().detail;
  request small{"/small", 10};
  EXPECT_EQ(asked.decide(small), 0);
  request large{"/large", 501};
  EXPECT_EQ(asked.decide(large), 1) << "the lambda runs before and doubles it";
  EXPECT_TRUE(helper->unload());
  EXPECT_TRUE(asked.close());

  ASSERT_TRUE(served.open());
  auto seeing = khelp::loaded_helper::load(seeing_helper);
  ASSERT_TRUE(seeing) << seeing.error().detail;
  khelp::object_slots slots;
  ASSERT_TRUE(slots.open(connection_class));
  served(small, slots);
  slots.close();
  EXPECT_TRUE(seeing->unload());
  EXPECT_TRUE(served.close());
}

TEST(khelp_hpp, a_modules_record_says_what_its_helper_says) {
  EXPECT_STREQ(seeing_record.name, "seeing");
  EXPECT_EQ(seeing_record.version, 3u);
  EXPECT_EQ(seeing_record.classes, connection_class);
  EXPECT_EQ(seeing_record.data_size, sizeof(traffic));
  EXPECT_EQ(seeing_record.data, &seeing_helper);
  EXPECT_EQ(seeing_record.personality, std::uint32_t{KHELP_PERSONALITY_NATIVE});
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
