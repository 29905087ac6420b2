// What a run answers where its result is wanted.
#include <cstdint>
#include <gtest/gtest.h>
#include <latch>
#include <pthread.h>
#include <thread>
#include <unistd.h>

#include <khelp/khelp.hpp>

namespace {

struct question {
  int answer;
};

}  // namespace

KHELP_EVENT(question, answer);

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
