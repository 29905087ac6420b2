#include "base/log.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <unistd.h>
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

TEST(log, says_how_many_messages_a_sink_lost_by_throwing) {
  struct listener {
    messages got;
    bool throws = true;
  } here;
  const khelp_log_sink sink = [](void* arg, int level, const char* words) {
    auto& to = *static_cast<listener*>(arg);
    if (to.throws)
      throw std::runtime_error("disk full");
    keep(&to.got, level, words);
  };
  ASSERT_EQ(khelp_log_set_sink(sink, &here), 0);
  errno = ENOENT;
  khelp::log(KHELP_LOG_WARNING, {"one"});
  khelp::log(KHELP_LOG_WARNING, {"two"});
  EXPECT_EQ(errno, ENOENT);
  here.throws = false;
  khelp::log(KHELP_LOG_INFO, {"three"});
  khelp::log(KHELP_LOG_INFO, {"four"});
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  EXPECT_EQ(here.got,
            (messages{{KHELP_LOG_INFO, "three"},
                      {KHELP_LOG_WARNING, "messages lost because the log's sink threw: 2"},
                      {KHELP_LOG_INFO, "four"}}));
}

// write(2) is a cancellation point.
void write_to_nowhere(void* arg, int, const char*) {
  (void)!write(*static_cast<int*>(arg), "", 1);
}

TEST(log, a_pending_cancellation_waits_until_the_sink_has_returned) {
  int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(nowhere, 0);
  ASSERT_EQ(khelp_log_set_sink(write_to_nowhere, &nowhere), 0);
  bool logged = false;
  pthread_t thread{};
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* arg) -> void* {
                  pthread_cancel(pthread_self());
                  khelp::log(KHELP_LOG_WARNING, {"a hook threw"});
                  *static_cast<bool*>(arg) = true;
                  pthread_testcancel();
                  return nullptr;
                },
                &logged),
            0);
  void* result = nullptr;
  pthread_join(thread, &result);
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  close(nowhere);
  EXPECT_TRUE(logged);
  EXPECT_EQ(result, PTHREAD_CANCELED);
}

TEST(log, a_panic_of_a_cancelled_thread_still_says_its_words) {
  const auto panics = [](void*) -> void* {
    pthread_cancel(pthread_self());
    khelp_panic("no way on");
  };
  EXPECT_EXIT(
      {
        pthread_t thread{};
        pthread_create(&thread, nullptr, panics, nullptr);
        pthread_join(thread, nullptr);
      },
      testing::KilledBySignal(SIGABRT), "^panic: no way on\n$");
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

TEST(log, printf_without_a_sink_writes_to_standard_error) {
  const auto written = [] {
    testing::internal::CaptureStderr();
    khelp_printf("%s %d\n", "one", 1);
    khelp_printf("%s", std::string(2000, 'a').c_str());
    return testing::internal::GetCapturedStderr();
  };
  const std::string as_it_is = "one 1\n" + std::string(2000, 'a');
  EXPECT_EQ(written(), as_it_is);
  messages got;
  ASSERT_EQ(khelp_log_set_sink(keep, &got), 0);
  EXPECT_EQ(written(), "");
  ASSERT_EQ(khelp_log_set_sink(nullptr, nullptr), 0);
  EXPECT_EQ(written(), as_it_is) << "taken away is as never set";
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
