/// main() of every test program. A program of which every test was skipped says so to ctest.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

int main(int argc, char** argv) {
  constexpr int skipped = 77;  // SKIP_RETURN_CODE in cmake/KhelpBuild.cmake
  testing::InitGoogleMock(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  const testing::UnitTest& all = *testing::UnitTest::GetInstance();
  if (failed == 0 && all.skipped_test_count() > 0 && all.successful_test_count() == 0)
    return skipped;
  return failed;
}
