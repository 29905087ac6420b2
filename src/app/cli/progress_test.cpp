#include "app/cli/progress.hpp"

#include <cstdlib>
#include <gtest/gtest.h>

namespace khelp::app {
namespace {

using std::chrono::milliseconds;

TEST(progress, the_bar_fills_with_the_share) {
  EXPECT_EQ(progress_text("a.pcap", 0.0, 0), "a.pcap  [....................]  0 %  0 packets");
  EXPECT_EQ(progress_text("a.pcap", 0.5, 1234),
            "a.pcap  [##########..........]  50 %  1,234 packets");
  EXPECT_EQ(progress_text("a.pcap", 1.0, 9), "a.pcap  [####################]  100 %  9 packets");
}

TEST(progress, a_files_name_cannot_command_the_terminal) {
  EXPECT_EQ(progress_text("\x1b[2Ja", std::nullopt, 1), "\\x1b[2Ja  1 packets");
}

TEST(progress, a_stream_has_no_bar) {
  EXPECT_EQ(progress_text("-", std::nullopt, 1234567), "-  1,234,567 packets");
}

TEST(progress, nothing_is_due_before_a_tenth_of_a_second_or_without_a_terminal) {
  const progress::time began{};
  progress shown(stderr, began);
  EXPECT_FALSE(shown.due(began + milliseconds(99)));
  EXPECT_TRUE(shown.due(began + milliseconds(100)));
  progress hidden(nullptr, began);
  EXPECT_FALSE(hidden.due(began + milliseconds(1000)));
}

TEST(progress, the_line_is_gone_in_the_end) {
  char* written = nullptr;
  std::size_t size = 0;
  std::FILE* terminal = open_memstream(&written, &size);
  ASSERT_NE(terminal, nullptr);
  {
    progress shown(terminal, {});
    shown.show({}, "half");
  }
  std::fclose(terminal);
  EXPECT_EQ(std::string(written, size), "\rhalf\x1b[K\r\x1b[K");
  std::free(written);
}

}  // namespace
}  // namespace khelp::app
