// What a run answers where its result is wanted.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <gtest/gtest.h>
#include <latch>
#include <pthread.h>
#include <stdexcept>
#include <thread>
#include <unistd.h>

#include <khelp/khelp.hpp>
#include <khelp/point.h>

namespace {

struct question {
  int answer;
};

}  // namespace

KHELP_EVENT(question, answer);

// As a C program has it.
struct request {
  int number;
};
KHELP_POINT_X(request_point, "closed.request", 0, 0, KHELP_HHOOK_RESULT_FIRST, EACCES, request,
              number);

namespace {

constexpr std::uint32_t test_class = KHELP_HELPER_CLASS_APP;

struct asked {
  int times = 0;
};

int answer(question& q) {
  return q.answer;
}
int answer_with_data(question& q, asked& mine) {
  ++mine.times;
  return q.answer;
}

constexpr khelp::typed_hook<void> plain_hooks[] = {khelp::hook<answer>("verdict.ignored"),
                                                   khelp::hook<answer>("verdict.first"),
                                                   khelp::hook<answer>("verdict.strictest")};
constexpr khelp::typed_hook<asked> data_hooks[] = {
    khelp::hook<answer_with_data>("verdict.ignored"),
    khelp::hook<answer_with_data>("verdict.first"),
    khelp::hook<answer_with_data>("verdict.strictest")};
const khelp_helper_x says = khelp::helper<void>("says", 1, test_class, plain_hooks);
const khelp_helper_x remembers = khelp::helper<asked>("remembers", 1, test_class, data_hooks);

class verdict : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ignored.open());
    ASSERT_TRUE(first.open());
    ASSERT_TRUE(strictest.open());
  }

  khelp::hook_point<question> ignored{"verdict.ignored"};
  khelp::hook_point<question> first{"verdict.first", khelp::combine::first};
  khelp::hook_point<question> strictest{"verdict.strictest", khelp::combine::strictest};
  question q{7};
};

}  // namespace

TEST_F(verdict, of_no_hooks_is_0) {
  EXPECT_EQ(khelp_hhook_run_hooks_result(&first.head(), &q, nullptr), 0);
  EXPECT_EQ(first.decide(q), 0);
}

TEST_F(verdict, of_one_hook_is_its_result_unless_the_point_ignores_results) {
  auto loaded = khelp::loaded_helper::load(says);
  ASSERT_TRUE(loaded);
  for (const int said : {7, -7, 0}) {
    q.answer = said;
    EXPECT_EQ(ignored.decide(q), 0);
    EXPECT_EQ(first.decide(q), said);
    EXPECT_EQ(strictest.decide(q), said);
  }
}

TEST_F(verdict, of_a_hook_with_data_is_the_same_whether_the_object_had_it_or_gets_it_now) {
  khelp::object_slots older;
  ASSERT_TRUE(older.open(test_class));
  auto loaded = khelp::loaded_helper::load(remembers);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(ignored.decide(q, older), 0) << "the data is made by this run";
  EXPECT_EQ(ignored.decide(q, older), 0);
  for (khelp::hook_point<question>* point : {&first, &strictest}) {
    khelp::object_slots younger;
    ASSERT_TRUE(younger.open(test_class));
    EXPECT_EQ(point->decide(q, younger), 7);
    EXPECT_EQ(point->decide(q, older), 7);
    EXPECT_EQ(point->decide(q), 0) << "no object, no data, no call";
  }
}

// ---- hooks that cannot answer

namespace {

int throw_always(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  throw std::runtime_error("no answer");
}
int allow(std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
  return 0;
}

khelp_hookinfo hook_of(khelp_hhook_func_t fn) {
  khelp_hookinfo hook{};
  hook.hook_func = fn;
  return hook;
}

// Points that deny when a hook cannot answer, one for each rule, and one that ignores results.
class fail_closed : public verdict {
 protected:
  void SetUp() override {
    verdict::SetUp();
    for (khelp::hook_point<question>* point : points)
      ASSERT_TRUE(point->open());
  }
  int decide(khelp::hook_point<question>& point, khelp_osd* object = nullptr) {
    q.answer = 0;
    return point.decide(q, object);
  }
  static void add(khelp::hook_point<question>& point, khelp_hhook_func_t fn) {
    khelp_hookinfo hook = hook_of(fn);
    ASSERT_EQ(khelp_hhook_add_hook(&point.head(), &hook, 0), 0);
  }

  khelp::hook_point<question> closed_first{"closed.first", khelp::combine::first, EACCES};
  khelp::hook_point<question> closed_strictest{"closed.strictest", khelp::combine::strictest,
                                               EACCES};
  khelp::hook_point<question> closed_ignored{"closed.ignored", khelp::combine::ignore, EACCES};
  khelp::hook_point<question>* const points[3] = {&closed_first, &closed_strictest,
                                                  &closed_ignored};
};

}  // namespace

TEST_F(fail_closed, a_hook_that_throws_denies_and_goes_on_denying_until_it_is_resumed) {
  for (khelp::hook_point<question>* point : {&closed_first, &closed_strictest}) {
    add(*point, throw_always);
    EXPECT_EQ(decide(*point), EACCES) << "it throws";
    EXPECT_EQ(decide(*point), EACCES) << "it is suspended";
    add(*point, allow);
    EXPECT_EQ(decide(*point), EACCES) << "among others too";
  }
  add(closed_ignored, throw_always);
  EXPECT_EQ(decide(closed_ignored), 0);
  EXPECT_EQ(decide(closed_ignored), 0);
}

TEST_F(fail_closed, a_c_programs_point_does_so_too) {
  ASSERT_EQ(khelp_points_open(), 0) << khelp_failure_text();
  request r{1};
  EXPECT_EQ(KHELP_DECIDE(request_point, &r, nullptr), 0) << "nobody listens";
  khelp_hookinfo hook = hook_of(throw_always);
  ASSERT_EQ(khelp_hhook_add_hook(&request_point.head, &hook, 0), 0);
  EXPECT_EQ(KHELP_DECIDE(request_point, &r, nullptr), EACCES);
  khelp_points_close();
}

TEST_F(fail_closed, a_point_that_says_nothing_fails_open_as_ever) {
  add(first, throw_always);
  add(first, allow);
  EXPECT_EQ(decide(first), 0);
  EXPECT_EQ(decide(first), 0);
}

TEST_F(fail_closed, a_hook_that_throws_among_others_counts_by_the_rule) {
  for (khelp::hook_point<question>* point : points) {
    add(*point, allow);
    add(*point, throw_always);
    EXPECT_EQ(decide(*point), point == &closed_ignored ? 0 : EACCES);
  }
  constexpr auto strict = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) {
    return EACCES + 1;
  };
  add(closed_strictest, strict);
  EXPECT_EQ(decide(closed_strictest), EACCES + 1) << "the greatest, whoever is skipped";
}

TEST_F(fail_closed, a_hook_whose_object_has_no_data_denies) {
  static constexpr khelp::typed_hook<asked> hooks[] = {
      khelp::hook<answer_with_data>("closed.first"),
      khelp::hook<answer_with_data>("closed.strictest")};
  static const khelp_helper_x policy = [] {
    khelp_helper_x x = khelp::helper<asked>("policy", 1, test_class, hooks);
    x.flags &= ~KHELP_HELPER_ADOPT;
    return x;
  }();
  khelp::object_slots older;
  ASSERT_TRUE(older.open(test_class));
  auto loaded = khelp::loaded_helper::load(policy);
  ASSERT_TRUE(loaded);
  khelp::object_slots younger;
  ASSERT_TRUE(younger.open(test_class));
  for (khelp::hook_point<question>* point : {&closed_first, &closed_strictest}) {
    EXPECT_EQ(decide(*point, younger), 0);
    EXPECT_EQ(decide(*point, older), EACCES);
    EXPECT_EQ(decide(*point), EACCES) << "nor has no object any";
  }
}

TEST_F(fail_closed, a_run_that_is_nested_too_deep_denies) {
  static khelp::hook_point<question>* nested;
  static int innermost;
  nested = &closed_first;
  constexpr auto once_more = [](std::int32_t, std::int32_t, void*, void* ctx, void*, khelp_osd*) {
    const int answer = nested->decide(*static_cast<question*>(ctx));
    if (innermost == 0)
      innermost = answer;
    return 0;
  };
  innermost = 0;
  add(closed_first, once_more);
  EXPECT_EQ(decide(closed_first), 0) << "each of them saw the denial, and answered 0";
  EXPECT_EQ(innermost, EACCES);
}

TEST_F(fail_closed, a_hook_that_was_taken_off_in_the_run_has_no_say) {
  constexpr auto take_the_next_off = [](std::int32_t type, std::int32_t id, void*, void*, void*,
                                        khelp_osd*) {
    khelp_hookinfo next = hook_of(throw_always);
    next.hook_type = type;
    next.hook_id = id;
    EXPECT_EQ(khelp_hhook_remove_hook_x(&next, nullptr), 0);
    return 0;
  };
  for (khelp::hook_point<question>* point : {&closed_first, &closed_strictest}) {
    add(*point, take_the_next_off);
    add(*point, throw_always);
    EXPECT_EQ(decide(*point), 0);
  }
}

TEST(registration,
     accepts_what_was_compiled_before_a_point_could_say_what_skipped_hooks_count_for) {
  struct {
    khelp_hhook_head_x x;
  } given;
  std::memset(&given, 0x7f, sizeof given);
  given.x.size = offsetof(khelp_hhook_head_x, result_when_skipped);
  given.x.flags = KHELP_HHOOK_RESULT_FIRST;
  given.x.name = "older";
  given.x.event = nullptr;
  given.x.fingerprint = 0;
  given.x.recursion_limit = 0;
  khelp_hhook_head* point = nullptr;
  constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 0x600000;
  ASSERT_EQ(khelp_hhook_head_register_x(type, 0, nullptr, &point, &given.x), 0);
  khelp_hookinfo hook = hook_of(throw_always);
  ASSERT_EQ(khelp_hhook_add_hook(point, &hook, 0), 0);
  EXPECT_EQ(khelp_hhook_run_hooks_result(point, nullptr, nullptr), 0);
  EXPECT_EQ(khelp_hhook_head_deregister(point), 0);
}

TEST_F(verdict, a_thread_cancelled_while_it_decides_leaves_the_point) {
  static std::latch inside(1);
  static constexpr auto sleep_for_ever = [](std::int32_t, std::int32_t, void*, void*, void*,
                                            khelp_osd*) -> int {
    inside.count_down();
    for (;;)
      pause();
  };
  khelp_hookinfo hook{};
  hook.hook_func = sleep_for_ever;
  ASSERT_EQ(khelp_hhook_add_hook(&first.head(), &hook, 0), 0);
  std::thread decider([this] { first.decide(q); });
  inside.wait();
  pthread_cancel(decider.native_handle());
  decider.join();
  EXPECT_EQ(khelp_hhook_remove_hook(&first.head(), &hook), 0) << "nobody is inside any more";
}
