#include "app/cli/output.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace khelp::app {
namespace {

std::string contents(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(output, what_was_written_is_in_the_file_after_flush) {
  const std::string file = testing::TempDir() + "output_test.txt";
  std::ofstream(file) << "what was there before, and is longer";
  auto out = output::open(file);
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->begin());
  out->write("one\n");
  out->write("two\n");
  ASSERT_TRUE(out->flush());
  EXPECT_EQ(contents(file), "one\ntwo\n");
  std::filesystem::remove(file);
}

TEST(output, a_full_disk_is_told_with_the_name_of_the_file) {
  auto out = output::open("/dev/full");
  ASSERT_TRUE(out);
  ASSERT_TRUE(out->begin()) << "a device holds nothing that would have to go";
  out->write("x");
  auto flushed = out->flush();
  ASSERT_FALSE(flushed);
  EXPECT_EQ(flushed.error().code, ENOSPC);
  EXPECT_NE(flushed.error().detail.find("/dev/full"), std::string::npos);
  EXPECT_TRUE(out->failed());
}

TEST(output, a_file_keeps_what_it_holds_until_the_output_begins) {
  const std::string file = testing::TempDir() + "output_test_kept.txt";
  std::ofstream(file) << "last week's results";
  {
    auto out = output::open(file);
    ASSERT_TRUE(out);
    EXPECT_EQ(contents(file), "last week's results");
  }
  EXPECT_EQ(contents(file), "last week's results");
  std::filesystem::remove(file);
}

TEST(output, a_file_that_was_not_there_is_not_left_behind_empty) {
  const std::string file = testing::TempDir() + "output_test_new.txt";
  std::filesystem::remove(file);
  { ASSERT_TRUE(output::open(file)); }
  EXPECT_FALSE(std::filesystem::exists(file));
  {
    auto out = output::open(file);
    ASSERT_TRUE(out);
    ASSERT_TRUE(out->begin());
  }
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove(file);
}

TEST(output, a_file_that_cannot_be_made_is_refused_with_its_errno) {
  auto out = output::open("/nonexistent/folder/file");
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().code, ENOENT);
}

TEST(output, a_temporary_file_leaves_no_name_and_copies_everything) {
  const std::string folder = testing::TempDir() + "output_test_tmp";
  std::filesystem::create_directories(folder);
  ASSERT_EQ(::setenv("TMPDIR", folder.c_str(), 1), 0);
  auto spill = output::temporary();
  ::unsetenv("TMPDIR");
  ASSERT_TRUE(spill);
  EXPECT_TRUE(std::filesystem::is_empty(folder));

  std::string long_text;
  for (int i = 0; i < 50'000; ++i)
    long_text += std::to_string(i) + "\n";
  spill->write(long_text);

  const std::string file = folder + "/copy";
  auto copy = output::open(file);
  ASSERT_TRUE(copy);
  copy->write("head\n");
  ASSERT_TRUE(spill->copy_to(*copy));
  ASSERT_TRUE(copy->flush());
  EXPECT_EQ(contents(file), "head\n" + long_text);
  std::filesystem::remove_all(folder);
}

TEST(output, a_temporary_folder_that_is_missing_is_named) {
  ASSERT_EQ(::setenv("TMPDIR", "/nonexistent/folder", 1), 0);
  auto spill = output::temporary();
  ::unsetenv("TMPDIR");
  ASSERT_FALSE(spill);
  EXPECT_NE(spill.error().detail.find("/nonexistent/folder"), std::string::npos);
}

}  // namespace
}  // namespace khelp::app
