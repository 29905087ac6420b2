#include "app/cli/printable.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

TEST(printable, words_stay_as_they_are) {
  EXPECT_EQ(printable("a file's \"name\" \\ ~"), "a file's \"name\" \\ ~");
  EXPECT_EQ(printable("Grüße €.pcap 𝄞"), "Grüße €.pcap 𝄞");
}

TEST(printable, what_a_terminal_obeys_is_escaped) {
  EXPECT_EQ(printable("\x1b[31mred\x07\x7f"), "\\x1b[31mred\\x07\\x7f");
  EXPECT_EQ(printable("two\nlines\tand\r"), "two\\nlines\\tand\\x0d");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\xc2\\x9b31m")
      << "an escape sequence may also begin with one of the upper controls";
}

TEST(printable, what_is_no_utf8_is_escaped_byte_by_byte) {
  EXPECT_EQ(printable("\xff"
                      "a\xc3"),
            "\\xffa\\xc3");
  EXPECT_EQ(printable("\xc0\x80"), "\\xc0\\x80") << "overlong";
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "beyond the last code";
}

TEST(printable, lines_keep_their_ends) {
  EXPECT_EQ(printable_lines("one\n\x1btwo\n"), "one\n\\x1btwo\n");
}

}  // namespace
}  // namespace khelp::app
