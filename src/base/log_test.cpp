#include "base/log.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

namespace {

using messages = std::vector<std::pair<int, std::string>>;

void keep(void* arg, int level, const char* words) {
  static_cast<messages*>(arg)->emplace_back(level, words);
  errno = EIO;
}

TEST(log, is_silent_until_a_sink_is_set_and_again_after_it_is_taken_away) {
  messages got;
  khelp::log(KHELP_LOG_ERROR, {"nobody listens"});
  ASSERT_EQ(khelp_log_set_sink(keep, &got), 0);
  khelp::log(KHELP_LOG_INFO, {"ertt", ": ", "loaded"});
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  khelp::log(KHELP_LOG_ERROR, {"nobody listens"});
  EXPECT_EQ(got, (messages{{KHELP_LOG_INFO, "ertt: loaded"}}));
}

TEST(log, cuts_a_long_line_and_leaves_errno_alone) {
  messages got;
  ASSERT_EQ(khelp_log_set_sink(keep, &got), 0);
  errno = ENOENT;
  khelp::log(KHELP_LOG_WARNING, {std::string(500, 'a'), std::string(500, 'b'), "c"});
  EXPECT_EQ(errno, ENOENT);
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].second, std::string(500, 'a') + std::string(11, 'b'));
}

TEST(log, printf_sends_a_message_a_line) {
  messages got;
  ASSERT_EQ(khelp_log_set_sink(keep, &got), 0);
  khelp_printf("%s %d\n", "one", 1);
  khelp_printf("two\n\nthree");
  khelp_printf("%s", "");
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  EXPECT_EQ(got, (messages{{KHELP_LOG_INFO, "one 1"},
                           {KHELP_LOG_INFO, "two"},
                           {KHELP_LOG_INFO, ""},
                           {KHELP_LOG_INFO, "three"}}));
}

TEST(log, a_panic_is_words_in_the_log_and_on_standard_error_and_the_end) {
  const khelp_log_sink to_standard_error = [](void*, int level, const char* words) {
    std::fprintf(stderr, "level %d: %s; ", level, words);
  };
  EXPECT_EXIT(
      {
        khelp_log_set_sink(to_standard_error, nullptr);
        khelp_panic("%d wheels of %s", 3, "4");
      },
      testing::KilledBySignal(SIGABRT), "^level 3: panic: 3 wheels of 4; panic: 3 wheels of 4\n$");
}

}  // namespace
