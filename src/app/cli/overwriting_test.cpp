#include "app/cli/overwriting.hpp"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace khelp::app {
namespace {

namespace fs = std::filesystem;

class overwriting : public testing::Test {
 protected:
  overwriting() : folder_(testing::TempDir() + "overwriting_test/") {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ + "one") << "1";
    std::ofstream(folder_ + "two") << "2";
  }
  ~overwriting() override { fs::remove_all(folder_); }

  used_file used(const std::string& name) const {
    return {"the file " + name, identity_of(folder_ + name)};
  }

  const std::string folder_;
};

TEST_F(overwriting, different_files_are_no_danger) {
  EXPECT_TRUE(check_overwriting({used("one")}, {used("two")}));
}

TEST_F(overwriting, a_file_that_is_read_is_not_written_under_whatever_name) {
  fs::create_hard_link(folder_ + "one", folder_ + "hard");
  fs::create_symlink("one", folder_ + "soft");
  for (const char* name : {"one", "hard", "soft"}) {
    const auto judged = check_overwriting({used("two"), used(name)}, {used("one")});
    ASSERT_FALSE(judged) << name;
    EXPECT_EQ(judged.error().code, EINVAL);
    EXPECT_NE(judged.error().detail.find(std::string("the file ") + name), std::string::npos);
    EXPECT_NE(judged.error().detail.find("the file one"), std::string::npos);
  }
}

TEST_F(overwriting, two_outputs_are_two_files) {
  EXPECT_FALSE(check_overwriting({used("one"), used("one")}, {}));
}

TEST_F(overwriting, what_is_read_twice_is_no_danger) {
  EXPECT_TRUE(check_overwriting({used("two")}, {used("one"), used("one")}));
}

TEST_F(overwriting, devices_and_missing_files_have_nothing_to_lose) {
  EXPECT_FALSE(identity_of("/dev/null"));
  EXPECT_FALSE(identity_of(folder_ + "missing"));
  EXPECT_TRUE(check_overwriting({{"a", identity_of("/dev/null")}, {"b", identity_of("/dev/null")}},
                                {{"c", identity_of(folder_ + "missing")}}));
}

TEST_F(overwriting, a_descriptor_tells_which_file_it_is) {
  std::FILE* file = std::fopen((folder_ + "one").c_str(), "r");
  ASSERT_NE(file, nullptr);
  EXPECT_TRUE(identity_of(fileno(file)) == identity_of(folder_ + "one"));
  std::fclose(file);
}

}  // namespace
}  // namespace khelp::app
