// Hooks that throw, and who suspends and resumes them.
#include <cerrno>
#include <cstdint>
#include <gtest/gtest.h>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <khelp/khelp.hpp>
#include <khelp/log.h>

#include "base/thread_text.hpp"

struct passing {
  int calls;
};
KHELP_EVENT(passing, calls);

namespace {

bool may_throw = true;

void fail(passing& event) {
  ++event.calls;
  if (may_throw)
    throw std::runtime_error("out of patience");
}
void count(passing& event) {
  ++event.calls;
}

constexpr khelp::typed_hook<void> failing_hooks[] = {khelp::hook<fail>("suspension.a"),
                                                     khelp::hook<fail>("suspension.b")};
constexpr khelp::typed_hook<void> other_hooks[] = {khelp::hook<count>("suspension.a")};
const khelp_helper_x failing =
    khelp::helper<void>("failing", 1, KHELP_HELPER_CLASS_APP, failing_hooks);
const khelp_helper_x other = khelp::helper<void>("other", 1, KHELP_HELPER_CLASS_APP, other_hooks);

class suspension : public testing::Test {
 protected:
  void SetUp() override {
    may_throw = true;
    ASSERT_TRUE(a.open());
    ASSERT_TRUE(b.open());
    auto loaded = khelp::loaded_helper::load(failing);
    ASSERT_TRUE(loaded);
    failing_.push_back(std::move(*loaded));
    lines().clear();
    khelp_log_set_sink([](void*, int, const char* words) { lines().emplace_back(words); }, nullptr);
  }
  void TearDown() override { khelp_log_set_sink(nullptr, nullptr); }
  static std::vector<std::string>& lines() {
    static std::vector<std::string> all;
    return all;
  }
  int calls(khelp::hook_point<passing>& point) {
    passing event{0};
    point(event);
    return event.calls;
  }

  khelp::hook_point<passing> a{"suspension.a"};
  khelp::hook_point<passing> b{"suspension.b"};
  std::vector<khelp::loaded_helper> failing_;
};

}  // namespace

TEST_F(suspension, of_a_hook_that_throws_names_helper_point_words_and_thread) {
  calls(a);
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_EQ(lines()[0],
            "helper 'failing': its hook at point 'suspension.a' threw and is suspended: out of "
            "patience (" +
                std::string(khelp::thread_text()) + ")");
}

TEST_F(suspension, of_what_is_no_exception_and_of_nobody_at_a_point_without_a_name_is_told) {
  khelp_hhook_head* point = nullptr;
  constexpr std::int32_t type = KHELP_HHOOK_TYPE_APP + 0x700000;
  ASSERT_EQ(khelp_hhook_head_register(type, 7, &point, 0), 0);
  khelp_hookinfo hook{};
  hook.hook_func = [](std::int32_t, std::int32_t, void*, void*, void*, khelp_osd*) -> int {
    throw 7;
  };
  ASSERT_EQ(khelp_hhook_add_hook(point, &hook, 0), 0);
  khelp_hhook_run_hooks(point, nullptr, nullptr);
  ASSERT_EQ(lines().size(), 1u);
  EXPECT_EQ(lines()[0], "a hook of nobody at point '" + std::to_string(type) +
                            "/7' threw and is suspended: something that is no std::exception (" +
                            std::string(khelp::thread_text()) + ")");
  EXPECT_EQ(khelp::resume_hooks("", (std::to_string(type) + "/7").c_str()).value(), 1u);
  EXPECT_EQ(khelp_hhook_head_deregister(point), 0);
}

TEST_F(suspension, ends_by_the_names_of_helper_and_point) {
  EXPECT_EQ(calls(a), 1);
  EXPECT_EQ(calls(b), 1);
  EXPECT_EQ(calls(a) + calls(b), 0);
  may_throw = false;
  EXPECT_EQ(khelp::resume_hooks("failing", "suspension.a").value(), 1u);
  EXPECT_EQ(calls(a), 1);
  EXPECT_EQ(calls(b), 0) << "another point";
  EXPECT_EQ(khelp::resume_hooks("failing", "suspension.a").error().code, EALREADY);
  EXPECT_EQ(khelp::resume_hooks("failing").value(), 1u) << "at every point";
  EXPECT_EQ(calls(b), 1);
}

TEST_F(suspension, by_name_is_skipped_and_counted_as_after_a_throw) {
  may_throw = false;
  auto loaded = khelp::loaded_helper::load(other);
  ASSERT_TRUE(loaded);
  EXPECT_EQ(calls(a), 2);
  EXPECT_EQ(khelp::suspend_hooks("failing").value(), 2u);
  EXPECT_EQ(calls(a), 1) << "the other helper's hook runs on";
  EXPECT_EQ(calls(b), 0);
  EXPECT_EQ(khelp::suspend_hooks("failing").error().code, EALREADY);
  std::uint64_t skipped = 0;
  EXPECT_EQ(khelp_stats_hooks(
                [](void* to, const khelp_hook_stat* stat) {
                  if (std::string(stat->helper) != "failing")
                    return;
                  EXPECT_EQ(stat->state, KHELP_HOOK_SUSPENDED);
                  *static_cast<std::uint64_t*>(to) += stat->skipped[KHELP_SKIP_SUSPENDED];
                },
                &skipped),
            0);
  EXPECT_EQ(skipped, 2u);
  EXPECT_EQ(khelp::resume_hooks("failing").value(), 2u);
  EXPECT_EQ(calls(a), 2);
}

TEST_F(suspension, by_names_that_nobody_has_is_refused_in_words) {
  EXPECT_EQ(khelp::resume_hooks("nobody").error().code, ENOENT);
  EXPECT_EQ(khelp::suspend_hooks("failing", "suspension.c").error().code, ENOENT);
  EXPECT_STREQ(khelp_failure_text(), "helper 'failing' has no hook at point 'suspension.c'");
  std::uint32_t changed = 9;
  EXPECT_EQ(khelp_hhook_resume(nullptr, nullptr, &changed), EINVAL);
  EXPECT_EQ(changed, 0u);
}
