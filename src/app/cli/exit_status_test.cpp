#include "app/cli/exit_status.hpp"

#include <gtest/gtest.h>

namespace khelp::app {
namespace {

TEST(exitstatus, one_capture_gives_its_own_status) {
  EXPECT_EQ(exit_status_of({exit_done}), 0);
  EXPECT_EQ(exit_status_of({exit_not_found}), 6);
}

TEST(exitstatus, some_of_several_is_partly) {
  EXPECT_EQ(exit_status_of({exit_not_found, exit_done}), 8);
  EXPECT_EQ(exit_status_of({exit_done, exit_failed, exit_not_found}), 8);
}

TEST(exitstatus, all_failed_alike_keeps_the_reason_and_else_is_failed) {
  EXPECT_EQ(exit_status_of({exit_not_found, exit_not_found}), 6);
  EXPECT_EQ(exit_status_of({exit_not_found, exit_check_failed}), 1);
}

TEST(exitstatus, what_is_no_capture_failed_its_check) {
  EXPECT_EQ(exit_code_for_capture(EINVAL), 3);
  EXPECT_EQ(exit_code_for_capture(ENOTSUP), 3);
  EXPECT_EQ(exit_code_for_capture(ENOENT), 6);
  EXPECT_EQ(exit_code_for_capture(EACCES), 5);
  EXPECT_EQ(exit_code_for_capture(EIO), 1);
}

TEST(exitstatus, refusals_of_helpers_have_the_documented_status) {
  EXPECT_EQ(exit_code_for(ENOENT), 6);
  EXPECT_EQ(exit_code_for(ENOEXEC), 3);
  EXPECT_EQ(exit_code_for(EINVAL), 2);
  EXPECT_EQ(exit_code_for(EACCES), 5);
  EXPECT_EQ(exit_code_for(EBUSY), 4);
  EXPECT_EQ(exit_code_for(ETIMEDOUT), 7);
  EXPECT_EQ(exit_code_for(ENOMEM), 1);
}

}  // namespace
}  // namespace khelp::app
